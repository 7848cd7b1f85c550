import * as z from "zod";
import type { Endpoint } from "../framework/endpoint.ts";
import type { RandomSource } from "../framework/random.ts";

/** The one parameter of llm-d's pickers. */
export const pickerParameters = z.strictObject({ maxNumOfEndpoints: z.number().int().default(1) });

/** How many endpoints a picker gives: 0 and less mean 1, more than there are mean all. */
export function pickCount(maxNumOfEndpoints: number, candidates: number): number {
  return Math.min(Math.max(1, maxNumOfEndpoints), candidates);
}

/** A uniform integer in [0, n). */
export function drawIndex(random: RandomSource, n: number): number {
  return Math.floor(random.next() * n);
}

/** The numbers 0 … n − 1 in a uniformly random order (Fisher–Yates, from the back as Go's `rand.Shuffle`). */
export function shuffledIndexes(random: RandomSource, n: number): number[] {
  const indexes = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = drawIndex(random, i + 1);
    const other = indexes[j]!;
    indexes[j] = indexes[i]!;
    indexes[i] = other;
  }
  return indexes;
}

/**
 * Orders `indexes` by falling `values`, equal ones as they stand. NaN equals everything, as in Go's `<` and `>`; an
 * insertion sort, which is what Go's stable sort is for up to 20 elements.
 */
export function sortFalling(indexes: number[], values: Float64Array): void {
  for (let i = 1; i < indexes.length; i++) {
    for (let j = i; j > 0 && values[indexes[j]!]! > values[indexes[j - 1]!]!; j--) {
      const other = indexes[j]!;
      indexes[j] = indexes[j - 1]!;
      indexes[j - 1] = other;
    }
  }
}

/** Puts the endpoints at the first `count` indexes into `targets`. */
export function take(
  endpoints: readonly Endpoint[],
  indexes: readonly number[],
  count: number,
  targets: Endpoint[],
): readonly Endpoint[] {
  if (targets.length !== count) targets.length = count;
  for (let i = 0; i < count; i++) targets[i] = endpoints[indexes[i]!]!;
  return targets;
}

/** Puts one endpoint into `targets`. */
export function takeOne(endpoint: Endpoint, targets: Endpoint[]): readonly Endpoint[] {
  // Setting a length costs more than the rest of a decision, even when it does not change.
  if (targets.length !== 1) targets.length = 1;
  targets[0] = endpoint;
  return targets;
}

/** The endpoints with the greatest total where more than one has it. */
export function sharedBest(endpoints: readonly Endpoint[], totals: Float64Array): readonly Endpoint[] {
  let best = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < endpoints.length; i++) if (totals[i]! > best) best = totals[i]!;
  const shared = endpoints.filter((_, i) => totals[i] === best);
  return shared.length > 1 ? shared : [];
}
