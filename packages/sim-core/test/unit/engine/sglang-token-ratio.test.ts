import { describe, expect, it } from "vitest";
import { SglangTokenRatio } from "../../../src/engine/sglang-token-ratio.ts";

describe("SGLang's new_token_ratio", () => {
  it("falls from 0.7 to 0.098 in 600 decode steps", () => {
    const ratio = new SglangTokenRatio(1);
    expect([0, 300, 600, 9_000].map((step) => ratio.at(step))).toEqual([
      0.7,
      expect.closeTo(0.399, 12),
      expect.closeTo(0.098, 12),
      expect.closeTo(0.098, 12),
    ]);
  });
  it("is 1 at most, however conservative", () => {
    const ratio = new SglangTokenRatio(3);
    expect([ratio.at(0), ratio.at(600)]).toEqual([1, 0.14]);
  });
  it("starts anew when the engine idles", () => {
    const ratio = new SglangTokenRatio(1);
    ratio.reset(500);
    expect(ratio.at(500)).toBe(0.7);
    expect(ratio.at(800)).toBeCloseTo(0.399, 12);
  });
  it("says after a retraction what those that are left use, with 20 steps more each", () => {
    const ratio = new SglangTokenRatio(1);
    // (30 + 2 x 20) / (199 + 1)
    ratio.retracted(100, 2, 30, 199);
    expect(ratio.at(100)).toBe(0.35);
    expect(ratio.at(101)).toBeCloseTo(0.35 - 0.602 / 600, 12);
    ratio.retracted(100, 5, 30, 99);
    expect(ratio.at(100)).toBe(1);
  });
});
