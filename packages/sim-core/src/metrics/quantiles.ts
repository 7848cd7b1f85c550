/**
 * Quantiles of `values[0..count)` by linear interpolation between order statistics (numpy's default, h = (n − 1) q).
 *
 * Exact: selects instead of sorting, ascending quantiles sharing the work of those before. Reorders `values`.
 *
 * @param quantiles ascending, each in [0, 1]
 * @returns one value per quantile; NaN for each when `count` is 0
 */
export function quantilesInPlace(values: Float64Array, count: number, quantiles: readonly number[]): number[] {
  if (count === 0) return quantiles.map(() => Number.NaN);
  let from = 0;
  return quantiles.map((quantile) => {
    const position = (count - 1) * quantile;
    const lower = Math.floor(position);
    const fraction = position - lower;
    if (lower >= from) select(values, from, count - 1, lower);
    from = Math.max(from, lower);
    const low = values[lower]!;
    if (fraction === 0) return low;
    // Everything right of `lower` is at least as large: the next order statistic is the smallest of it.
    let high = Number.POSITIVE_INFINITY;
    for (let i = lower + 1; i < count; i++) if (values[i]! < high) high = values[i]!;
    return low + (high - low) * fraction;
  });
}

/**
 * Puts the k-th smallest of `values[left..right]` at k, smaller ones before it and larger ones after.
 *
 * Hoare's FIND (CACM 4(7), Algorithm 65) with the middle of three as pivot.
 */
function select(values: Float64Array, left: number, right: number, k: number): void {
  while (right > left) {
    const pivot = middleOfThree(values[left]!, values[(left + right) >>> 1]!, values[right]!);
    let i = left;
    let j = right;
    while (i <= j) {
      while (values[i]! < pivot) i++;
      while (values[j]! > pivot) j--;
      if (i > j) break;
      const swap = values[i]!;
      values[i] = values[j]!;
      values[j] = swap;
      i++;
      j--;
    }
    if (k <= j) right = j;
    else if (k >= i) left = i;
    else return;
  }
}

function middleOfThree(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}
