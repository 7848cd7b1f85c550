import { describe, expect, it } from "vitest";
import { durationUs, quantity } from "../../../src/framework/units.ts";

describe("durationUs", () => {
  it("reads Go durations", () => {
    expect(durationUs("60s")).toBe(60_000_000);
    expect(durationUs("1h30m")).toBe(5_400_000_000);
    expect(durationUs("1.5s")).toBe(1_500_000);
    expect(durationUs("200ms")).toBe(200_000);
    expect(durationUs("3us")).toBe(3);
    expect(durationUs("500ns")).toBe(0.5);
    expect(durationUs("0")).toBe(0);
    expect(durationUs("-2s")).toBe(-2_000_000);
  });
  it("refuses what Go refuses", () => {
    for (const text of ["", "60", "1 s", "s", "1d", "1s2", "--1s", `${"9".repeat(400)}s`]) {
      expect(durationUs(text), text).toBeUndefined();
    }
  });
});

describe("quantity", () => {
  it("reads Kubernetes quantities, rounded up", () => {
    expect(quantity("10Gi")).toBe(10_737_418_240);
    expect(quantity("1k")).toBe(1000);
    expect(quantity("1G")).toBe(1e9);
    expect(quantity("2.5Ki")).toBe(2560);
    expect(quantity("500m")).toBe(1);
    expect(quantity("1e3")).toBe(1000);
    expect(quantity("42")).toBe(42);
  });
  it("refuses anything else", () => {
    for (const text of ["", "k", "1K", "1 k", "10GiB", "ten", "1e999"]) expect(quantity(text), text).toBeUndefined();
  });
});
