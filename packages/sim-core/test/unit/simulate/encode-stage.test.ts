import { describe, expect, it } from "vitest";
import { InvariantError } from "../../../src/errors.ts";
import { checkLaws } from "../../../src/simulate/laws.ts";
import { Outcome, type SimulationResult } from "../../../src/simulate/result.ts";
import { simulate } from "../../../src/simulate/simulate.ts";
import { threePools } from "../../support/encode-pods.ts";
import { onePool } from "../../support/one-replica.ts";
import { type Row, rows } from "../../support/rows.ts";

type Items = NonNullable<Row["items"]>;
const at = (atUs: number, prompt: Row["prompt"], output: number, items: Items = []): Row => ({
  ...{ atUs, prompt, output, items },
});

/** The encode columns of one request by name. */
function encodeOf({ requests }: SimulationResult, row = 0): Record<string, number> {
  return Object.fromEntries(Object.entries(requests.encode!).map(([name, column]) => [name, column[row]]));
}

describe("a request whose images another pod encodes", () => {
  it("goes leg by leg: encode, prefill, decode", () => {
    const workload = rows([at(0, 100, 5, [[10, 40]])]);
    const result = simulate(threePools(workload, { setUpUs: 30, sidecarLegUs: 200 }));
    const { requests, replicas } = result;
    // A leg of 200; 50 for the step, 100 for the item, 40 for its tokens; a leg back; 30 to move the embeddings.
    expect(encodeOf(result)).toEqual({
      encodeReplica: 0,
      encodeScheduledUs: 200,
      encodeFinishUs: 390,
      embeddingsStartUs: 590,
      embeddingsEndUs: 620,
      embeddingsBytes: 40_000,
    });
    // A leg, a step of 1000 that encodes nothing, a leg back, 30 for the KV cache, the last token.
    expect(requests.scheduledUs[0]).toBe(820);
    expect(requests.disaggregation!.prefillFinishUs[0]).toBe(1_820);
    expect(requests.disaggregation!.transferEndUs[0]).toBe(2_050);
    expect(requests.firstTokenUs[0]).toBe(3_050);
    expect([...requests.items!]).toEqual([1]);
    expect(replicas.map(({ encodedForOthers }) => encodedForOthers)).toEqual([1, 0, 0]);
    expect(replicas.map(({ completed }) => completed)).toEqual([0, 0, 1]);
  });

  it("goes straight to the decode pod where nobody else prefills", () => {
    const workload = rows([at(0, 100, 5, [[10, 40]]), at(5_000, 100, 5)]);
    const result = simulate(threePools(workload, { setUpUs: 30, sidecarLegUs: 200 }, { prefills: false }));
    const { requests } = result;
    expect(requests.scheduledUs[0]).toBe(620);
    expect(requests.firstTokenUs[0]).toBe(1_620);
    // Text alone is not encoded.
    expect([encodeOf(result, 1).encodeReplica, requests.scheduledUs[1]]).toEqual([-1, 5_620]);
  });

  it("has its items encoded together, and in turn on several pods", () => {
    const items: Items = [
      [0, 40],
      [40, 30],
      [70, 20],
    ];
    const workload = rows([at(0, 100, 1, items)]);
    // One step of 50 with three items and 90 tokens.
    expect(encodeOf(simulate(threePools(workload))).encodeFinishUs).toBe(50 + 300 + 90);
    const spread = simulate(threePools(workload, {}, { encodePods: 2 }));
    // Two of them on the first pod that the router names, one on the other.
    expect(encodeOf(spread).encodeFinishUs).toBe(50 + 200 + 60);
    const counts = spread.replicas.map(({ encodedForOthers }) => encodedForOthers!);
    expect(counts.slice(0, 2).sort()).toEqual([1, 2]);
  });

  it("waits for room in a step of the encode pod", () => {
    const workload = rows([at(0, 100, 1, [[0, 60]]), at(0, 100, 1, [[0, 50]])]);
    const result = simulate(threePools(workload, {}, { engine: { maxNumBatchedTokens: 100 } }));
    expect(encodeOf(result, 0).encodeFinishUs).toBe(50 + 100 + 60);
    // Its 50 tokens find room for 40 of them, and its embeddings none.
    expect(encodeOf(result, 1)).toMatchObject({ encodeScheduledUs: 210, encodeFinishUs: 210 + 50 + 100 + 50 });
  });

  it("is let go by the encode pod when its client goes", () => {
    const workload = rows([at(0, 100, 1, [[0, 60]]), at(0, 100, 1, [[0, 50]])]);
    const patience = { clientTimeoutUs: 230 };
    const input = threePools(workload, { sidecarLegUs: 20 }, { engine: { maxNumBatchedTokens: 100 } });
    const { requests, replicas } = simulate({ ...input, patience });
    expect([...requests.outcome]).toEqual([Outcome.timedOut, Outcome.timedOut]);
    // The first was encoded at 230 and the second was in its queue until then.
    expect(replicas[0]).toMatchObject({ encodedForOthers: 1, steps: 1 });
    expect(requests.scheduledUs.every(Number.isNaN)).toBe(true);
  });

  it("is refused where an item is longer than an encode pod's cache", () => {
    const workload = rows([at(0, 100, 1, [[0, 96]])]);
    const input = threePools(workload);
    const [encode, ...others] = input.pools;
    const pools = [{ ...encode!, numGpuBlocks: 7 }, ...others];
    expect([...simulate({ ...input, pools }).requests.outcome]).toEqual([Outcome.refusedTooLong]);
    const roomy = [{ ...encode!, numGpuBlocks: 8 }, ...others];
    expect([...simulate({ ...input, pools: roomy }).requests.outcome]).toEqual([Outcome.completed]);
  });
});

describe("laws of encoding elsewhere", () => {
  const input = threePools(rows([at(0, 100, 5, [[10, 40]])]), { setUpUs: 30 });

  it("a prompt never starts before its embeddings are there", () => {
    const result = simulate(input);
    result.requests.encode!.embeddingsEndUs[0] = result.requests.scheduledUs[0]! + 1;
    expect(() => checkLaws(input, result)).toThrow(InvariantError);
  });

  it("embeddings are their tokens' width", () => {
    const result = simulate(input);
    result.requests.encode!.embeddingsBytes[0] = 39_000;
    expect(() => checkLaws(input, result)).toThrow(/embeddings are their tokens' width.*39000 bytes for 40 tokens/);
  });
});

describe("a pod that encodes for itself", () => {
  const encoder = { encodeUs: (items: number, tokens: number) => 100 * items + tokens };

  it("does so in the step that first computes an item's tokens", () => {
    const workload = rows([
      at(0, 150, 2, [
        [20, 60],
        [90, 30],
      ]),
    ]);
    const input = onePool(workload, {}, { maxNumBatchedTokens: 100 });
    const pools = [{ ...input.pools[0]!, encoder }];
    const { requests } = simulate({ ...input, pools });
    const text = simulate(input).requests;
    // 100 tokens with both items, of which the second has 20 tokens left for the next step; then text as ever.
    expect(requests.firstTokenUs[0]! - text.firstTokenUs[0]!).toBe(200 + 90);
  });

  it("does not where an item's tokens are in its KV cache; a pod that encodes for it cannot know", () => {
    const turn = (atUs: number, more: number): Row => {
      const prompt: Row["prompt"] = [
        [0, 100],
        [more, 20],
      ];
      return { ...at(atUs, prompt, 1, [[0, 64]]) };
    };
    const workload = rows([turn(0, 1), turn(10_000, 2)]);
    const input = onePool(workload);
    const { firstTokenUs, cachedTokens } = simulate({ ...input, pools: [{ ...input.pools[0]!, encoder }] }).requests;
    // A step of 1000; the first also encodes one item of 64 tokens. Six blocks of 16 are shared.
    expect([firstTokenUs[0], firstTokenUs[1], cachedTokens[1]]).toEqual([1_164, 11_000, 96]);
    const { replicas, requests } = simulate(threePools(workload, {}, { prefills: false }));
    expect([replicas[0]!.encodedForOthers, requests.cachedTokens[1]]).toEqual([2, 96]);
  });

  it("computes a prompt up to the first item for which there is no room", () => {
    const workload = rows([
      at(0, 170, 1, [
        [0, 60],
        [60, 60],
      ]),
    ]);
    const input = onePool(workload, {}, { maxNumBatchedTokens: 100 });
    const pools = [{ ...input.pools[0]!, encoder }];
    // 60, as the second item's embeddings have no room beside the first's; then 60 + 40, then 10.
    expect(simulate({ ...input, pools }).replicas[0]).toMatchObject({ steps: 3, prefillTokens: 170 });
    expect(simulate(input).replicas[0]).toMatchObject({ steps: 2, prefillTokens: 170 });
  });
});
