import { describe, expect, it } from "vitest";
import { KeyRuns } from "../../../src/producers/key-runs.ts";
import { PART_LENGTH, PART_RUN, PromptBlocks } from "../../../src/producers/prompt-blocks.ts";
import { prompts } from "../../support/prompts.ts";

/** Takes in what of a prompt is not there; `[run, length]` of its parts. */
function take(runs: KeyRuns, keys: number[]): [number, number][] {
  const prompt = new PromptBlocks();
  prompt.fill(prompts(keys), 64, true, 1000);
  const parts: [number, number][] = [];
  let run = -1;
  let end = 0;
  for (let i = 0; i < keys.length; ) {
    if (runs.findPart(prompt, i, keys.length, run, end) === 0) {
      runs.addPart(prompt, i, keys.length, run, run >= 0 && end === runs.keysOf(run));
    }
    const part = prompt.parts.subarray(3 * i);
    run = part[PART_RUN]!;
    const length = part[PART_LENGTH]!;
    end = run === parts.at(-1)?.[0] ? end + length : length;
    parts.push([run, length]);
    i += length;
  }
  return parts;
}

const keysOf = (runs: KeyRuns, run: number): number[] =>
  Array.from({ length: runs.keysOf(run) }, (_, at) => runs.keyAt(run, at)[1]);

describe("KeyRuns", () => {
  it("keeps a conversation that grows in one run, and the last block of each prompt in its own", () => {
    const runs = new KeyRuns();
    expect(take(runs, [1, 2, 3, 40])).toEqual([
      [0, 3],
      [1, 1],
    ]);
    expect(take(runs, [1, 2, 3, 4, 5, 60])).toEqual([
      [0, 3],
      [0, 2],
      [2, 1],
    ]);
    expect([0, 1, 2].map((run) => keysOf(runs, run))).toEqual([[1, 2, 3, 4, 5], [40], [60]]);
  });

  it("keeps a run that another follows on, and forgets it with the last of those", () => {
    const runs = new KeyRuns();
    take(runs, [1, 2, 30]);
    take(runs, [1, 2, 40]);
    expect(runs.freeUnowned(0)).toBe(false);
    expect(runs.freeUnowned(1)).toBe(true);
    expect([0, 1, 2].map((run) => keysOf(runs, run))).toEqual([[1, 2], [], [40]]);
    runs.setOwner(2, 7);
    expect(runs.freeUnowned(2)).toBe(false);
    runs.setOwner(2, -1);
    expect(runs.freeUnowned(2)).toBe(true);
    expect([0, 1, 2].map((run) => runs.keysOf(run))).toEqual([0, 0, 0]);
    // Numbers are given out again, and what stood in the table under them is not found.
    take(runs, [5, 6, 70]);
    take(runs, [1, 2, 30]);
    expect(runs.highWater).toBe(4);
  });

  it("finds every key after many runs have come and gone", () => {
    const runs = new KeyRuns();
    for (let session = 0; session < 3000; session++) {
      const from = 100 * session;
      const keys = Array.from({ length: 2 + (session % 7) }, (_, at) => from + at);
      const parts = take(runs, keys);
      expect(take(runs, keys)).toEqual(parts);
      expect(parts.flatMap(([run]) => keysOf(runs, run))).toEqual(keys);
      if (session % 3 === 0) for (const [run] of parts.reverse()) runs.freeUnowned(run);
    }
    expect(runs.highWater).toBeLessThan(2 * 2001);
  });
});
