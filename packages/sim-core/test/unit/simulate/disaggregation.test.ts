import { describe, expect, it } from "vitest";
import { createRooflineStepTime } from "../../../src/engine/step-time/roofline.ts";
import type { StepTimeModel } from "../../../src/engine/step-time-model.ts";
import { InvariantError } from "../../../src/errors.ts";
import { acceleratorNamed } from "../../../src/hardware/catalogue.ts";
import { modelNamed } from "../../../src/model/catalogue.ts";
import { checkLaws } from "../../../src/simulate/laws.ts";
import { type DisaggregationColumns, Outcome } from "../../../src/simulate/result.ts";
import { simulate } from "../../../src/simulate/simulate.ts";
import { bentStepTime } from "../../support/bent-step-time.ts";
import { onePool } from "../../support/one-replica.ts";
import { perTokenStep, type Row, rows } from "../../support/rows.ts";
import { twoPools } from "../../support/two-pods.ts";

const at = (atUs: number, prompt: Row["prompt"], output: number): Row => ({ atUs, prompt, output });

/** The columns of one request by name. */
function legsOf(columns: DisaggregationColumns, row: number): Record<string, number> {
  return Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column[row]!]));
}

describe("a request that one pod prefills and another decodes", () => {
  it("goes leg by leg", () => {
    const workload = rows([at(0, 100, 5), at(500, 50, 3)]);
    const { requests } = simulate(twoPools(workload, { setUpUs: 100, sidecarLegUs: 200 }));
    // A leg of 200, a step of 1000, a leg back, blocks at once as nothing runs, 100 for the transfer, the last token.
    expect(legsOf(requests.disaggregation!, 0)).toEqual({
      prefillReplica: 0,
      prefillFinishUs: 1_200,
      transferStartUs: 1_400,
      transferEndUs: 1_500,
      transferredBytes: 100 * 1_000,
      decodeCachedTokens: 0,
      decodeScheduledUs: 1_500,
      prefillFailures: 0,
      holdTimeouts: 0,
    });
    expect([requests.scheduledUs[0], requests.firstTokenUs[0], requests.finishUs[0]]).toEqual([200, 2_500, 6_500]);
    // The second waits for the first one's steps on both pods: 1200 to 2200, 2500 for its blocks, 3500 for its token.
    expect(legsOf(requests.disaggregation!, 1)).toMatchObject({
      prefillFinishUs: 2_200,
      transferStartUs: 2_500,
      transferEndUs: 2_600,
      decodeScheduledUs: 3_500,
    });
    expect([...requests.replica]).toEqual([1, 1]);
  });

  it("says when each first token came, however many are decoding", () => {
    // A hundred in flight on the decode pod while each prompt has long been computed when the next one comes.
    const workload = rows(Array.from({ length: 100 }, (_, index) => at(4_000 * index, 20, 400)));
    const { requests } = simulate(twoPools(workload, { setUpUs: 100, sidecarLegUs: 200 }));
    expect(requests.firstTokenUs.every((firstTokenUs) => !Number.isNaN(firstTokenUs))).toBe(true);
    expect(requests.outcome.every((outcome) => outcome === Outcome.completed)).toBe(true);
  });

  it("moves only what the decode pod has not cached, in full blocks", () => {
    const workload = rows([
      at(0, [[0, 100]], 2),
      at(
        50_000,
        [
          [0, 100],
          [1, 60],
        ],
        2,
      ),
    ]);
    const { requests, replicas } = simulate(twoPools(workload, { setUpUs: 100 }));
    // 100 tokens are six full blocks of 16, cached on both pods by then.
    expect([...requests.disaggregation!.decodeCachedTokens]).toEqual([0, 96]);
    expect([...requests.disaggregation!.transferredBytes]).toEqual([100_000, 64_000]);
    expect([...requests.cachedTokens]).toEqual([0, 96]);
    expect(replicas.map(({ promptTokens, cachedTokens }) => [promptTokens, cachedTokens])).toEqual([
      [260, 96],
      [0, 0],
    ]);
    // 100 and 64 tokens here, the last of each there.
    expect(replicas.map(({ prefillTokens }) => prefillTokens)).toEqual([164, 2]);
    expect(replicas.map(({ prefilledForOthers, completed }) => [prefilledForOthers, completed])).toEqual([
      [2, 0],
      [0, 2],
    ]);
  });

  it("holds its blocks on the prefill pod until they are moved", () => {
    // Ten blocks each of 16 on a prefill pod of 12: the second waits for the first one's transfer.
    const workload = rows([at(0, 150, 2), at(0, 150, 2)]);
    const { requests } = simulate(twoPools(workload, { setUpUs: 5_000 }, { blocks: [13, 100] }));
    const { prefillFinishUs, transferEndUs } = requests.disaggregation!;
    expect([prefillFinishUs[0], transferEndUs[0], prefillFinishUs[1]]).toEqual([1_000, 6_000, 7_000]);
  });

  it("waits where the decode pod has no room, and is not lost", () => {
    const workload = rows([at(0, 150, 30), at(0, 150, 30)]);
    const { requests } = simulate(twoPools(workload, { setUpUs: 1 }, { blocks: [100, 13] }));
    // The second's blocks are free when the first has ended; its prefill has long been done.
    expect([...requests.outcome]).toEqual([Outcome.completed, Outcome.completed]);
    expect(requests.disaggregation!.prefillFinishUs[1]).toBeLessThan(3_000);
    expect(requests.disaggregation!.transferStartUs[1]).toBe(requests.finishUs[0]);
    expect([...requests.preemptions]).toEqual([0, 0]);
  });

  it("is prefilled by its decode pod when the prefill pod has given its blocks up", () => {
    const workload = rows([at(0, 150, 30), at(0, 150, 30)]);
    const { requests } = simulate(twoPools(workload, { setUpUs: 1, holdTimeoutUs: 10_000 }, { blocks: [100, 13] }));
    expect([...requests.disaggregation!.holdTimeouts]).toEqual([0, 1]);
    expect(requests.disaggregation!.transferEndUs[1]).toBeNaN();
    expect(requests.firstTokenUs[1]).toBe(requests.finishUs[0]! + 1_000);
  });

  it("is called for again after a failure, and prefilled by its decode pod after the last", () => {
    const flow = { prefillFailureFraction: 1, prefillMaxRetries: 2, sidecarLegUs: 100, prefillRetryBackoffUs: 5_000 };
    const { requests, replicas } = simulate(twoPools(rows([at(0, 100, 2)]), { ...flow, setUpUs: 1 }));
    // Three calls of 200 each, and twice the pause before another.
    expect(requests.scheduledUs[0]).toBe(3 * 200 + 2 * 5_000);
    expect(requests.disaggregation!.prefillFailures[0]).toBe(3);
    expect(replicas.map(({ prefillTokens }) => prefillTokens)).toEqual([0, 100]);
  });

  it("is refused where its prompt does not fit the prefill pod", () => {
    const { requests } = simulate(twoPools(rows([at(0, 200, 2), at(0, 10, 2)]), {}, { blocks: [13, 100] }));
    expect([...requests.outcome]).toEqual([Outcome.refusedTooLong, Outcome.completed]);
  });

  it("is not prefilled elsewhere by a simulation that does not know how", () => {
    const { disaggregation: _without, ...input } = twoPools(rows([at(0, 100, 2)]));
    expect(() => simulate(input)).toThrow(InvariantError);
  });
});

describe("pushing", () => {
  // 10 us a token: the prefill of 100 takes 1000.
  const workload = rows([at(0, 100, 2)]);
  const push = (given: object) => {
    const { requests } = simulate(
      twoPools(
        workload,
        { transfer: "push", ...given },
        { stepTime: perTokenStep(10), engine: { blockSizeTokens: 4 } },
      ),
    );
    return legsOf(requests.disaggregation!, 0);
  };

  it("starts at the end of the prefill, with no leg back", () => {
    expect(push({ sidecarLegUs: 300, setUpUs: 50 })).toMatchObject({
      prefillFinishUs: 1_300,
      transferStartUs: 1_300,
      transferEndUs: 1_350,
      transferredBytes: 100_000,
    });
  });

  it("starts with the prefill where layers go one by one, and ends after it", () => {
    expect(push({ sidecarLegUs: 300, setUpUs: 50, overlapLayers: 10 })).toMatchObject({
      transferStartUs: 300,
      prefillFinishUs: 1_300,
      transferEndUs: 1_350,
    });
  });
});

describe("one pod on each side, no load, instant transfer, no legs", () => {
  const h100: StepTimeModel = createRooflineStepTime({
    accelerator: acceleratorNamed("h100-sxm"),
    model: modelNamed("meta-llama/Llama-3.1-8B"),
    tensorParallel: 1,
    engineVersion: "vllm-0.19",
    maxNumBatchedTokens: 8192,
    maxModelLenTokens: 131_072,
  });

  it.each([
    ["bent", bentStepTime(321.7, 7.3, 0.11), 100],
    ["bent", bentStepTime(20.2, 3.1, 0.017), 1],
    ["roofline", h100, 2048],
    ["roofline, several chunks", h100, 20_000],
  ] as const)("TTFT is the aggregated pod's plus exactly one decode step (%s)", (_name, stepTime, prompt) => {
    const workload = rows([at(0, prompt, 3)]);
    const apart = simulate(twoPools(workload, {}, { stepTime })).requests;
    const together = simulate(onePool(workload, {}, {}, stepTime)).requests;
    // The step of the last prompt token: one sequence that attends to the whole prompt.
    const { contextTokens, timeUs } = stepTime.decodeCurve(1);
    const piece = Math.max(
      1,
      contextTokens.findIndex((tokens, i) => i > 0 && tokens >= prompt),
    );
    const slope = (timeUs[piece]! - timeUs[piece - 1]!) / (contextTokens[piece]! - contextTokens[piece - 1]!);
    const decodeUs = timeUs[piece - 1]! + slope * (prompt - contextTokens[piece - 1]!);
    expect(apart.firstTokenUs[0]! - together.firstTokenUs[0]!).toBe(Math.round(decodeUs));
  });
});

describe("checkLaws", () => {
  const input = twoPools(rows([at(0, 100, 5)]), { setUpUs: 100, sidecarLegUs: 200 });
  const result = simulate(input);
  const withColumn = (name: keyof DisaggregationColumns, value: number) => {
    const disaggregation = result.requests.disaggregation!;
    const wrong = (disaggregation[name] as Float64Array).with(0, value);
    return { ...result, requests: { ...result.requests, disaggregation: { ...disaggregation, [name]: wrong } } };
  };

  it.each([
    [
      "a transfer that starts before its prefill has ended",
      "transferStartUs",
      1_199,
      /a transfer's end never precedes/,
    ],
    ["a prefill that ends after the transfer", "prefillFinishUs", 1_501, /a transfer's end never precedes/],
    ["a decode before its KV is there", "transferEndUs", 1_501, /a decode never starts before its KV is there/],
    ["a decode without a transfer", "transferEndUs", Number.NaN, /a decode never starts before its KV is there/],
    ["bytes that are not the prompt's", "transferredBytes", 99_999, /a transfer is its tokens' KV cache/],
  ] as const)("stops at %s", (_what, column, value, message) => {
    expect(() => checkLaws(input, result)).not.toThrow();
    expect(() => checkLaws(input, withColumn(column, value))).toThrow(message);
  });
});
