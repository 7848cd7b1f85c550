import { describe, expect, it } from "vitest";
import { engineProfile } from "../../../src/engine/profiles.ts";
import { acceleratorNamed } from "../../../src/hardware/catalogue.ts";
import { driveEngine } from "../../support/drive-engine.ts";
import { perTokenStep, type Row, rows } from "../../support/rows.ts";

/** Steps of eight tokens at most, a microsecond each. */
function run(given: readonly Row[], capacityTokens: number, more: object = {}) {
  const small = { maxNumBatchedTokens: 8, blockSizeTokens: 1, requestOverheadUs: 0 };
  const profile = engineProfile("trtllm-1.0", acceleratorNamed("h100"), 1000, { ...small, ...more });
  const drive = { workload: rows(given), profile, stepTime: perTokenStep(1), numGpuBlocks: capacityTokens + 1 };
  const fast = driveEngine({ ...drive, path: "fast" });
  expect(fast.timeline).toEqual(driveEngine({ ...drive, path: "plain" }).timeline);
  return (what: string) => fast.timeline.filter(([name]) => name === what).map(([, row, us]) => [row, us]);
}

describe("TensorRT-LLM's in-flight batching", () => {
  const given = [
    { atUs: 0, prompt: 6, output: 3 },
    { atUs: 0, prompt: 5, output: 2 },
  ];

  it("computes prompts whole, beside those that generate", () => {
    const of = run(given, 100);
    // The second's five do not fit beside six: 0-6, then one and five to 12, then two to 14.
    expect(of("scheduled")).toEqual([
      [0, 0],
      [1, 6],
    ]);
    expect(of("finished")).toEqual([
      [0, 14],
      [1, 14],
    ]);
  });

  it("splits them where chunked context is on", () => {
    const of = run(given, 100, { enableChunkedPrefill: true });
    // Six and two to 8, then one and three to 12.
    expect(of("scheduled")).toEqual([
      [0, 0],
      [1, 0],
    ]);
    expect(of("first")).toEqual([
      [0, 8],
      [1, 12],
    ]);
  });

  it("lets a request in when there is memory for all of it, and under MAX_UTILIZATION for its prompt", () => {
    // To their ends they take nine and seven.
    expect(run(given, 16)("scheduled")[1]).toEqual([1, 6]);
    expect(run(given, 15)("scheduled")[1]).toEqual([1, 8]);
    const most = run(given, 12, { guaranteedNoEvict: false });
    expect(most("scheduled")[1]).toEqual([1, 6]);
    // After the second's prefill there are twelve tokens, and none for the next step: who started last is paused.
    expect(most("preempted")).toEqual([[1, 12]]);
  });
});
