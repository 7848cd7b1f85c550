import { describe, expect, it } from "vitest";
import { curveAt } from "../../../src/engine/step-time/decode-curve.ts";
import { roofline } from "../../contract/step-time-models.ts";

const CHUNKS = { count: 2, newTokens: Int32Array.of(500, 300), cachedTokens: Int32Array.of(0, 0), completing: 1 };

/** What vLLM 0.12 takes longer for a step than 0.19: 0.2 ms, and 48 us for each sequence that gets a token. */
function longerUs(more: object, step: (model: ReturnType<typeof roofline>) => number): number {
  const of = (engineVersion: string) => step(roofline("h100", "qwen3-32b", 2, { engineVersion, ...more }));
  return of("vllm-0.12") - of("vllm-0.19");
}

describe("overhead of a step before asynchronous scheduling", () => {
  it.each([{}, { pipelineParallel: 2 }])("grows with the sequences that get a token %o", (layout) => {
    const decode = (seqs: number) => longerUs(layout, (model) => curveAt(model.decodeCurve(seqs), seqs * 1000));
    expect(decode(1)).toBeCloseTo(248, 6);
    expect(decode(100)).toBeCloseTo(5_000, 6);
    // Of the two chunks one is its prompt's last.
    expect(longerUs(layout, (model) => model.mixedStepUs(9, 9_000, CHUNKS))).toBeCloseTo(680, 6);
  });

  it("is all of what is given in its place", () => {
    expect(longerUs({ stepOverheadUs: 0 }, (model) => curveAt(model.decodeCurve(100), 100_000))).toBe(0);
  });
});
