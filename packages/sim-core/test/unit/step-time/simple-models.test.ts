import { describe, expect, it } from "vitest";
import { createConstantStepTime } from "../../../src/engine/step-time/constant.ts";
import { curveAt } from "../../../src/engine/step-time/decode-curve.ts";
import { createLinearStepTime } from "../../../src/engine/step-time/linear.ts";
import { createTableStepTime } from "../../../src/engine/step-time/table.ts";

const chunks = (...pairs: [number, number][]) => ({
  count: pairs.length,
  newTokens: Int32Array.from(pairs, ([fresh]) => fresh),
  cachedTokens: Int32Array.from(pairs, ([, cached]) => cached),
  completing: pairs.length,
});

describe("decode curve", () => {
  it("is linear between knots and goes on beyond the last", () => {
    const curve = { contextTokens: Float64Array.of(0, 10, 30), timeUs: Float64Array.of(100, 110, 150) };
    expect([0, 5, 10, 20, 30, 40].map((x) => curveAt(curve, x))).toEqual([100, 105, 110, 130, 150, 170]);
  });
});

describe("constant step time", () => {
  it("takes the same time for every batch", () => {
    const model = createConstantStepTime({ stepUs: 250 });
    expect(curveAt(model.decodeCurve(3), 1e6)).toBe(250);
    expect(model.mixedStepUs(3, 5000, chunks([100, 0]))).toBe(250);
  });
  it("refuses a time that is none", () => {
    expect(() => createConstantStepTime({ stepUs: 0 })).toThrow(
      "constant step time is 0 us, allowed: a number above 0",
    );
  });
});

describe("linear step time", () => {
  const model = createLinearStepTime({ baseUs: 1000, perTokenUs: 10, perContextTokenUs: 0.5 });
  it("adds base, tokens and context", () => {
    // 1000 + 10 * 4 sequences + 0.5 * 800 tokens of context.
    expect(curveAt(model.decodeCurve(4), 800)).toBeCloseTo(1440, 9);
    // The same, and 10 * 4 new tokens, which attend to 100 computed ones each and to 1 + 2 + 3 + 4 of their own.
    expect(model.mixedStepUs(4, 800, chunks([4, 100]))).toBeCloseTo(1440 + 40 + 0.5 * 410, 9);
  });
  it("refuses a negative coefficient", () => {
    expect(() => createLinearStepTime({ baseUs: 1, perTokenUs: -1, perContextTokenUs: 0 })).toThrow(
      "linear step time: perTokenUs is -1, allowed: a number of 0 or more",
    );
  });
});

describe("table step time", () => {
  const table = {
    decodeSeqs: [1, 3],
    contextTokens: [0, 100],
    decodeUs: [
      [10, 20],
      [30, 60],
    ],
    prefillTokens: [1, 101],
    prefillUs: [10, 110],
    perCachedPairUs: 0.001,
  };
  it("interpolates sequences and context", () => {
    const model = createTableStepTime(table);
    // Two sequences lie halfway: 20 us at no context, 40 us at 100 each; half the context, 30 us.
    expect(curveAt(model.decodeCurve(2), 100)).toBe(30);
    expect(curveAt(model.decodeCurve(6), 0)).toBe(60);
  });
  it("adds decoding sequences to a prefill as tokens, with their context on top", () => {
    const model = createTableStepTime(table);
    // 49 + 2 tokens: 60 us; 49 * 1000 pairs: 49 us; half the context of two sequences: 10 us.
    expect(model.mixedStepUs(2, 100, chunks([49, 1000]))).toBeCloseTo(60 + 49 + 10, 9);
  });
  it("refuses a table with holes", () => {
    expect(() => createTableStepTime({ ...table, decodeUs: [[10, 20]] })).toThrow(
      "step-time table: decodeUs[1] has 0 times, allowed: 2 numbers above 0",
    );
    expect(() => createTableStepTime({ ...table, contextTokens: [100, 0] })).toThrow("contextTokens is [100, 0]");
  });
});
