/** Mean of a column. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/** Population standard deviation of a column. */
export function deviation(values: ArrayLike<number>): number {
  const centre = mean(values);
  return Math.sqrt(mean(Array.from(values, (value) => (value - centre) ** 2)));
}

/** Differences of neighbours. */
export function gaps(values: ArrayLike<number>): number[] {
  return Array.from({ length: values.length - 1 }, (_, index) => values[index + 1]! - values[index]!);
}

/** Distance of the mean from what it should be, in its standard errors. */
export function meanZ(values: ArrayLike<number>, expected: number): number {
  return (mean(values) - expected) / (deviation(values) / Math.sqrt(values.length));
}
