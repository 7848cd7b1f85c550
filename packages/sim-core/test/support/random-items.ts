import fc from "fast-check";
import type { Workload } from "../../src/workload/workload.ts";

const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 });

/** By row, where in its prompt its items begin and end. */
export const itemShares = fc.array(fc.option(shares), { minLength: 40, maxLength: 40 });

/** The workload with items in about half of its prompts, of any number and length that fits. */
export function withRandomItems(workload: fc.Arbitrary<Workload>): fc.Arbitrary<Workload> {
  return fc.tuple(workload, itemShares).map(([given, shareOf]) => withItems(given, shareOf));
}

/** Items between the places in a prompt at these shares of it, every other stretch. */
export function withItems(workload: Workload, shareOf: readonly (readonly number[] | null)[]): Workload {
  const offsets = new Int32Array(workload.count + 1);
  const startTokens: number[] = [];
  const tokens: number[] = [];
  for (let row = 0; row < workload.count; row++) {
    const most = workload.promptTokens[row]! - 1;
    const ends = [...(shareOf[row] ?? [])].map((share) => Math.round(share * most)).sort((a, b) => a - b);
    for (let at = 0; at + 1 < ends.length; at += 2) {
      if (ends[at] === ends[at + 1]) continue;
      startTokens.push(ends[at]!);
      tokens.push(ends[at + 1]! - ends[at]!);
    }
    offsets[row + 1] = tokens.length;
  }
  return {
    ...workload,
    items: { offsets, startTokens: Int32Array.from(startTokens), tokens: Int32Array.from(tokens) },
  };
}
