/** The nth percentile's rank lies between two values: linear interpolation, as numpy's default. */
export function percentile(sorted: ArrayLike<number>, fraction: number): number {
  const rank = (sorted.length - 1) * fraction;
  const below = Math.floor(rank);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (sorted[above]! - sorted[below]!) * (rank - below);
}

export interface Moments {
  readonly mean: number;
  /** Population standard deviation. */
  readonly std: number;
}

/** Two passes: the deviations are from the final mean. */
export function moments(values: ArrayLike<number>): Moments {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  const mean = sum / values.length;
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    const deviation = values[i]! - mean;
    squares += deviation * deviation;
  }
  return { mean, std: Math.sqrt(squares / values.length) };
}

/** A distribution in the keys of the published statistics files; percentiles interpolate, `std_pop` is the population's. */
export interface Distribution {
  readonly n: number;
  readonly sum: number;
  readonly mean: number;
  readonly std_pop: number;
  readonly min: number;
  readonly p1: number;
  readonly p10: number;
  readonly p25: number;
  readonly p50: number;
  readonly p75: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export function distribution(values: ArrayLike<number>): Distribution {
  const sorted = Float64Array.from(values).sort();
  const { mean, std } = moments(sorted);
  const at = (fraction: number): number => percentile(sorted, fraction);
  return {
    n: sorted.length,
    sum: sorted.reduce((total, value) => total + value, 0),
    mean,
    std_pop: std,
    min: sorted[0]!,
    p1: at(0.01),
    p10: at(0.1),
    p25: at(0.25),
    p50: at(0.5),
    p75: at(0.75),
    p90: at(0.9),
    p95: at(0.95),
    p99: at(0.99),
    max: sorted[sorted.length - 1]!,
  };
}
