import { exp, log } from "../../packages/sim-core/src/kernel/math.ts";
import { namedStream } from "../../packages/sim-core/src/kernel/random.ts";

/** Quantiles of a column: [probability, value], both ascending. */
export type QuantileTable = readonly (readonly [number, number])[];

/** Value at a probability, interpolated in the logarithm. */
function quantileAt(table: QuantileTable, probability: number): number {
  const upper = Math.max(
    1,
    table.findIndex(([p]) => p >= probability),
  );
  const [p0, v0] = table[upper - 1]!;
  const [p1, v1] = table[upper]!;
  return exp(log(v0) + (log(v1 / v0) * (probability - p0)) / (p1 - p0));
}

/**
 * `count` whole numbers with these quantiles, in random order: one from the middle of each of `count` equal slices, so
 * that even a short column has the percentiles of the table.
 */
export function stratified(table: QuantileTable, count: number, seed: string): number[] {
  const random = namedStream(seed, "order");
  const values = Array.from({ length: count }, (_, slice) => Math.round(quantileAt(table, (slice + 0.5) / count)));
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random.next() * (i + 1));
    [values[i], values[j]] = [values[j]!, values[i]!];
  }
  return values;
}

/** A Poisson count by multiplying out exponential gaps. */
export function poissonCount(mean: number, next: () => number): number {
  let count = 0;
  const gap = () => -log(1 - next());
  for (let time = gap(); time < mean; time += gap()) count += 1;
  return count;
}
