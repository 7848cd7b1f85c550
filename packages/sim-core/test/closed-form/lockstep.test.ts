import { describe, expect, it } from "vitest";
import { namedStream } from "../../src/kernel/random.ts";
import { simulate } from "../../src/simulate/simulate.ts";
import { onePool } from "../support/one-replica.ts";
import { perTokenStep, rows } from "../support/rows.ts";

const STEPS = 8_000;
const LONGEST = 40;

/** Mean of the longest of n prompts of 1 to LONGEST tokens, all as likely: the sum over k of P(longest >= k). */
function meanLongest(ranks: number): number {
  let tokens = 0;
  for (let k = 1; k <= LONGEST; k++) tokens += 1 - ((k - 1) / LONGEST) ** ranks;
  return tokens;
}

describe("ranks that step together with independent work", () => {
  // 20.5, 30.3, 37.6 tokens of 40.
  it.each([1, 3, 16])("take the mean of the longest of %i a step", (ranks) => {
    const random = namedStream(7, "prompts");
    const prompts = Array.from({ length: STEPS * ranks }, () => 1 + Math.floor(random.next() * LONGEST));
    const workload = rows(prompts.map((prompt) => ({ atUs: 0, prompt, output: 1 })));
    // One request a step and rank, a microsecond a token; each rank gets every so manieth row.
    const input = onePool(workload, { replicas: ranks, preset: "round-robin" }, { maxNumSeqs: 1 }, perTokenStep(1));
    const pools = input.pools.map((pool) => ({ ...pool, lockstepRanks: ranks }));
    const { endUs, replicas } = simulate({ ...input, pools });
    let longest = 0;
    for (let step = 0; step < STEPS; step++) longest += Math.max(...prompts.slice(step * ranks, (step + 1) * ranks));
    expect(endUs).toBe(longest);
    for (const { steps, busyUs } of replicas) expect([steps, busyUs]).toEqual([STEPS, longest]);
    // Four standard errors; a uniform's variance is the largest of them.
    const errorTokens = (4 * (LONGEST / Math.sqrt(12))) / Math.sqrt(STEPS);
    expect(Math.abs(endUs / STEPS - meanLongest(ranks))).toBeLessThan(errorTokens);
  });
});
