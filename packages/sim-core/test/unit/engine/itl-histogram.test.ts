import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ItlRecorder } from "../../../src/engine/itl-histogram.ts";

describe("ItlRecorder", () => {
  it("counts tokens by 1/64 octave", () => {
    const itl = new ItlRecorder();
    // 1024 us is 10 octaves; 1040 = 1024 (1 + 1/64) begins the next bucket.
    expect([1024, 1039.9, 1040, 2048].map((us) => itl.bucketOf(us))).toEqual([640, 640, 641, 704]);
    itl.add(1024, 3);
    itl.add(1039, 2);
    itl.add(1040, 1);
    expect([itl.counts[640], itl.counts[641]]).toEqual([5, 1]);
    expect([640, 641, 704].map((bucket) => ItlRecorder.bucketLowUs(bucket))).toEqual([1024, 1040, 2048]);
  });

  it("puts gaps below a microsecond in the first bucket", () => {
    const itl = new ItlRecorder();
    expect([0, 0.3, 1].map((us) => itl.bucketOf(us))).toEqual([0, 0, 0]);
  });

  it("has every gap between its bucket's edges", () => {
    const itl = new ItlRecorder();
    fc.assert(
      fc.property(fc.double({ min: 1, max: 2 ** 60, noNaN: true }), (us) => {
        const bucket = itl.bucketOf(us);
        expect(ItlRecorder.bucketLowUs(bucket)).toBeLessThanOrEqual(us);
        expect(ItlRecorder.bucketLowUs(bucket + 1)).toBeGreaterThan(us);
      }),
    );
  });
});
