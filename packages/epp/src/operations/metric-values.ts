/** One series of a counter or gauge. */
export class SimpleValue {
  value = 0;
  /** A series that never was is not told of: 0 means that it came to nothing. */
  seen = false;

  add(amount: number): void {
    this.value += amount;
    this.seen = true;
  }

  set(value: number): void {
    this.value = value;
    this.seen = true;
  }
}

/** One series of a histogram. */
export class HistogramValue {
  /** Per bucket, not cumulated; one more than the bounds. */
  readonly counts: Float64Array;
  readonly bounds: readonly number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  get seen(): boolean {
    return this.counts.some((count) => count > 0);
  }

  observe(value: number): void {
    this.sum += value;
    const index = bucketOf(this.bounds, value);
    this.counts[index]! += 1;
  }

  addAll(other: HistogramValue): void {
    this.sum += other.sum;
    for (const [index, count] of other.counts.entries()) this.counts[index]! += count;
  }
}

/** The first bucket whose upper bound is not below the value. */
function bucketOf(bounds: readonly number[], value: number): number {
  let low = 0;
  let high = bounds.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (value <= bounds[middle]!) high = middle;
    else low = middle + 1;
  }
  return low;
}
