import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { durationUsSchema } from "../../../src/kernel/unit-schemas.ts";
import { formatBytes, formatDurationUs, parseBytes, parseDurationUs } from "../../../src/kernel/units.ts";

describe("durations", () => {
  test.each([
    ["0", 0],
    ["0s", 0],
    ["250ms", 250_000],
    ["3s", 3_000_000],
    ["1.5s", 1_500_000],
    [".5ms", 500],
    ["1h30m", 5_400_000_000],
    ["1m0.5s", 60_500_000],
    ["7us", 7],
    ["7µs", 7],
    ["1500ns", 2],
    ["400ns", 0],
  ])("%s is %d µs", (text, expected) => {
    expect(parseDurationUs(text)).toBe(expected);
  });

  test.each(["", "3", "s", "3 s", "-3s", "3sec", "1d", "1e3s", "1..5s", "."])(
    "%j is refused with what is allowed",
    (text) => {
      expect(() => parseDurationUs(text)).toThrow(
        `invalid duration "${text}" (a number and a unit of ns, us, ms, s, m, h`,
      );
    },
  );

  test.each([
    [0, "0s"],
    [7, "7us"],
    [1_500, "1.5ms"],
    [250_000, "250ms"],
    [3_000_000, "3s"],
    [60_000_000, "1m"],
    [60_500_000, "1m0.5s"],
    [5_400_000_000, "1h30m"],
    [-3_000_000, "-3s"],
  ])("%d µs are written %s", (us, text) => {
    expect(formatDurationUs(us)).toBe(text);
  });

  test("what is written is read back", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e13 }), (us) => {
        expect(parseDurationUs(formatDurationUs(us))).toBe(us);
      }),
    );
  });

  test("the schema gives microseconds, and an issue for anything else", () => {
    expect(durationUsSchema.parse("3s")).toBe(3_000_000);
    expect(durationUsSchema.safeParse("3 seconds").error?.issues[0]?.message).toContain("expected a duration");
    expect(durationUsSchema.safeParse(3).success).toBe(false);
  });
});

describe("sizes", () => {
  test.each([
    ["80GiB", 85_899_345_920],
    ["3.5Gi", 3_758_096_384],
    ["16GB", 16_000_000_000],
    ["1kB", 1_000],
    ["1Ki", 1_024],
    ["512", 512],
    ["512B", 512],
  ])("%s is %d bytes", (text, expected) => {
    expect(parseBytes(text)).toBe(expected);
  });

  test.each(["", "GiB", "80 GiB", "-1GiB", "80gib", "80GiBs", "1ki"])("%j is refused", (text) => {
    expect(() => parseBytes(text)).toThrow(`invalid size "${text}"`);
  });

  test.each([
    [512, "512B"],
    [1_024, "1KiB"],
    [85_899_345_920, "80GiB"],
    [3_650_722_201, "3.4GiB"],
  ])("%d bytes are written %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});
