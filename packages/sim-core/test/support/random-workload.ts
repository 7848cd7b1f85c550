import fc from "fast-check";
import type { Workload } from "../../src/workload/workload.ts";

interface Turn {
  readonly gapUs: number;
  /** Which of the known chains the prompt continues, and how much of it it keeps. */
  readonly from: number;
  readonly keep: number;
  readonly newTokens: number;
  readonly outputTokens: number;
  readonly sharesOutput: boolean;
}

/**
 * Small workloads whose prompts branch off one another at arbitrary tokens, continue one another's outputs while they
 * are still being generated, repeat exactly, or share nothing.
 */
export function randomWorkload(maxRows: number, maxTokens: number): fc.Arbitrary<Workload> {
  const turn: fc.Arbitrary<Turn> = fc.record({
    gapUs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 60_000 })),
    from: fc.nat(),
    keep: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
    newTokens: fc.integer({ min: 0, max: maxTokens }),
    outputTokens: fc.integer({ min: 1, max: 60 }),
    sharesOutput: fc.boolean(),
  });
  return fc.array(turn, { minLength: 1, maxLength: maxRows }).map((turns) => build(turns));
}

type Chain = { ids: number[]; ends: number[] };

function build(turns: readonly Turn[]): Workload {
  const chains: Chain[] = [{ ids: [], ends: [] }];
  const rows: { chain: Chain; output: number }[] = [];
  let idCount = 0;
  /** A branch in the middle of a segment is a new segment from there on; the same branch twice is the same one. */
  for (const turn of turns) {
    const base = chains[turn.from % chains.length]!;
    const baseTokens = base.ends.at(-1) ?? 0;
    const keepTokens = Math.round(baseTokens * turn.keep);
    const chain: Chain = { ids: [], ends: [] };
    for (let at = 0; at < base.ids.length && (chain.ends.at(-1) ?? 0) < keepTokens; at++) {
      chain.ids.push(base.ids[at]!);
      chain.ends.push(Math.min(base.ends[at]!, keepTokens));
    }
    if (turn.newTokens > 0 || keepTokens === 0) {
      chain.ids.push(idCount++);
      chain.ends.push(keepTokens + Math.max(1, turn.newTokens));
    }
    const promptTokens = chain.ends.at(-1)!;
    const output = turn.sharesOutput ? idCount++ : -1;
    rows.push({ chain, output });
    chains.push(chain);
    if (output >= 0) {
      chains.push({ ids: [...chain.ids, output], ends: [...chain.ends, promptTokens + turn.outputTokens] });
    }
  }
  const offsets = Int32Array.from([0, ...rows.map(({ chain }) => chain.ids.length)]);
  for (let at = 1; at < offsets.length; at++) offsets[at]! += offsets[at - 1]!;
  let timeUs = 0;
  return {
    name: "random",
    count: rows.length,
    arrivalUs: Float64Array.from(turns, ({ gapUs }) => (timeUs += gapUs)),
    promptTokens: Int32Array.from(rows, ({ chain }) => chain.ends.at(-1)!),
    outputTokens: Int32Array.from(turns, ({ outputTokens }) => outputTokens),
    segments: {
      offsets,
      ids: Int32Array.from(rows.flatMap(({ chain }) => chain.ids)),
      endTokens: Int32Array.from(rows.flatMap(({ chain }) => chain.ends)),
      idCount,
      outputIds: Int32Array.from(rows, ({ output }) => output),
    },
  };
}
