import { describe, expect, it } from "vitest";
import type { PrefillChunks, StepTimeModel } from "../../../src/engine/step-time-model.ts";
import type { SimulationInput } from "../../../src/simulate/input.ts";
import { Outcome } from "../../../src/simulate/result.ts";
import { simulate } from "../../../src/simulate/simulate.ts";
import { onePool } from "../../support/one-replica.ts";
import { type Row, rows } from "../../support/rows.ts";

/** A step of 100 us, and 10 us more for each token of a prompt in it. */
const stepTime: StepTimeModel = {
  decodeCurve: () => ({ contextTokens: Float64Array.of(0, 1), timeUs: Float64Array.of(100, 100) }),
  mixedStepUs(_seqs: number, _context: number, chunks: PrefillChunks) {
    let us = 100;
    for (let at = 0; at < chunks.count; at++) us += 10 * chunks.newTokens[at]!;
    return us;
  },
  floorUs: () => 0,
};

/** Ranks that get the rows in turn. */
function ranks(
  given: readonly Row[],
  lockstepRanks = 2,
  more: Partial<SimulationInput> = {},
  replicas = 2,
  time = stepTime,
) {
  const input = onePool(rows(given), { replicas, preset: "round-robin", ...more }, {}, time);
  const pools = input.pools.map((pool) => ({ ...pool, lockstepRanks }));
  const both = (["fast", "plain"] as const).map((path) => simulate({ ...input, pools, path }));
  const seen = both.map(({ requests, replicas, itl }) => ({ requests, replicas, itl: itl.counts }));
  expect(seen[0]).toEqual(seen[1]);
  return { apart: simulate(input), ...both[0]! };
}

const gapsOf = ({ itl }: ReturnType<typeof ranks>): [us: number, count: number][] =>
  [...itl.counts.entries()].filter(([, count]) => count > 0).map(([bucket, count]) => [itl.bucketLowUs(bucket), count]);

describe("ranks that step together", () => {
  const decodeAndPrompt: readonly Row[] = [
    { atUs: 0, prompt: 20, output: 5 },
    { atUs: 350, prompt: 50, output: 2 },
  ];

  it("hold a decode back for as long as another rank's prompt takes", () => {
    const together = ranks(decodeAndPrompt);
    const { requests, replicas, apart } = together;
    // Steps end at 300 (the first prompt), 400, 1,000 (600 us: the second prompt), 1,100 and 1,200.
    expect([...requests.scheduledUs]).toEqual([0, 400]);
    expect([...requests.firstTokenUs]).toEqual([300, 1_000]);
    expect([...requests.finishUs]).toEqual([1_200, 1_100]);
    // Gaps: 100, 600, 100 and 100 us of the first, 100 us of the second.
    const gaps = gapsOf(together);
    expect(gaps.map(([, count]) => count)).toEqual([4, 1]);
    expect(gaps.map(([us]) => Math.abs(us / 100 - Math.round(us / 100)) < 0.07)).toEqual([true, true]);
    // Apart, neither waits for the other.
    expect([...apart.requests.firstTokenUs]).toEqual([300, 950]);
    expect([...apart.requests.finishUs]).toEqual([700, 1_050]);
    // Who runs along without work is not busy.
    expect(replicas.map(({ busyUs }) => busyUs).sort((a, b) => a - b)).toEqual([700, 1_200]);
  });

  it("start at once where none has work, and at the end of the step where one has", () => {
    const { requests } = ranks([
      { atUs: 1_000, prompt: 10, output: 1 },
      { atUs: 5_000, prompt: 10, output: 1 },
      { atUs: 5_100, prompt: 10, output: 1 },
      // At the very end of the step, and at the very start of the next.
      { atUs: 5_200, prompt: 30, output: 1 },
    ]);
    expect([...requests.scheduledUs]).toEqual([1_000, 5_000, 5_200, 5_200]);
    expect([...requests.firstTokenUs]).toEqual([1_200, 5_200, 5_600, 5_600]);
  });

  it("let who is aborted on a rank that runs along go without a step", () => {
    const { requests } = ranks(
      [
        { atUs: 0, prompt: 90, output: 1 },
        { atUs: 10, prompt: 40, output: 1 },
        { atUs: 800, prompt: 10, output: 1 },
        { atUs: 1_005, prompt: 10, output: 1 },
      ],
      2,
      { patience: { clientTimeoutUs: 700 } },
    );
    // The first prompt takes until 1,000, too long for its client; the second waits for that end, and has left by then.
    expect([...requests.outcome]).toEqual([Outcome.timedOut, Outcome.timedOut, Outcome.completed, Outcome.completed]);
    expect(requests.scheduledUs[1]).toBeNaN();
    expect([...requests.firstTokenUs].slice(2)).toEqual([1_200, 1_400]);
  });

  it("are groups of their own where a pool has more replicas than ranks", () => {
    const decoding = { atUs: 0, prompt: 20, output: 5 };
    const given = [decoding, decoding, decoding, decoding, { atUs: 350, prompt: 50, output: 1 }];
    const { requests } = ranks(given, 2, {}, 4);
    const groupOf = [...requests.replica].map((replica) => Math.floor(replica / 2));
    expect(groupOf.slice(0, 4).sort()).toEqual([0, 0, 1, 1]);
    for (let row = 0; row < 4; row++) expect(requests.finishUs[row]).toBe(groupOf[row] === groupOf[4] ? 1_200 : 700);
  });

  it("compute what they share for all: padded to the largest batch under a graph, the mean without one", () => {
    // Of the 10 us of each token 4 are spent on the experts.
    const sharing = { ...stepTime, sharedUs: (tokens: number) => 4 * tokens };
    const firstTokens = (prompt: number, atUs: number, more: readonly Row[]) =>
      ranks([...more, { atUs, prompt, output: 1 }], 2, {}, 2, sharing).requests.firstTokenUs.at(-1);
    // Alone: 512 tokens on both ranks are 100 + 5,120 us; of 513 and a dummy's one the mean is 257: 100 + 6 * 513 + 4 * 257.
    expect(firstTokens(512, 0, [])).toBe(5_220);
    expect(firstTokens(513, 0, [])).toBe(4_206);
    // Beside a decode, which starts at 1,700 after a prompt of 20 and 14 tokens, the same.
    const decoding = { atUs: 0, prompt: 20, output: 99 };
    expect(firstTokens(513, 1_650, [decoding])).toBe(1_700 + 4_206);
    // Even load: as if each had it alone. 600 tokens on both ranks.
    expect(firstTokens(600, 0, [{ atUs: 0, prompt: 600, output: 1 }])).toBe(6_100);
    // Uneven: the longest's own part, and the mean of 600 and 514 tokens.
    expect(firstTokens(600, 0, [{ atUs: 0, prompt: 514, output: 1 }])).toBe(100 + 6 * 600 + 4 * 557);
  });
});
