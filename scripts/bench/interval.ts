/** Of a sample of ratios. */
export interface MedianInterval {
  readonly median: number;
  /** Of an interval that holds the true median with 95 % and more. */
  readonly low: number;
  readonly high: number;
}

/** The median and its distribution-free interval: order statistics of Binomial(n, 1/2). */
export function medianInterval(ratios: readonly number[]): MedianInterval {
  const sorted = [...ratios].sort((a, b) => a - b);
  const count = sorted.length;
  // As many are left out on each side as leave 2.5 % of probability and less beyond.
  let left = 0;
  let probability = 0.5 ** count;
  for (let beyond = probability; beyond <= 0.025; beyond += probability) {
    left++;
    probability *= (count - left + 1) / left;
  }
  const at = Math.max(0, left - 1);
  return { median: sorted[Math.floor(count / 2)]!, low: sorted[at]!, high: sorted[count - 1 - at]! };
}
