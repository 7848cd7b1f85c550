import type { ItlHistogram } from "../simulate/result.ts";
import { quantilesInPlace } from "./quantiles.ts";

/** A distribution of durations in seconds; every statistic is null when nothing was measured. */
export interface Distribution {
  count: number;
  meanSeconds: number | null;
  p50Seconds: number | null;
  p90Seconds: number | null;
  p95Seconds: number | null;
  p99Seconds: number | null;
  maxSeconds: number | null;
}

const QUANTILES = [0.5, 0.9, 0.95, 0.99, 1] as const;
const MICROSECONDS = 1e6;

/** Statistics of `valuesUs[0..count)`, which it reorders. */
export function distributionOf(valuesUs: Float64Array, count: number): Distribution {
  let sumUs = 0;
  for (let i = 0; i < count; i++) sumUs += valuesUs[i]!;
  return distribution(count, sumUs / count, quantilesInPlace(valuesUs, count, QUANTILES));
}

/**
 * Statistics of gaps counted in buckets: quantiles are interpolated inside a bucket, so within its 1 %; the mean is
 * handed in, as it is known exactly.
 */
export function distributionOfHistogram(histogram: ItlHistogram, meanUs: number): Distribution {
  let total = 0;
  for (const count of histogram.counts) total += count;
  return distribution(
    total,
    meanUs,
    QUANTILES.map((quantile) => histogramQuantileUs(histogram, total * quantile)),
  );
}

function histogramQuantileUs(histogram: ItlHistogram, rank: number): number {
  const { counts, bucketLowUs } = histogram;
  let before = 0;
  let last = -1;
  for (let bucket = 0; bucket < counts.length; bucket++) {
    const count = counts[bucket]!;
    if (count === 0) continue;
    last = bucket;
    if (before + count >= rank) {
      const low = bucketLowUs(bucket);
      return low + ((bucketLowUs(bucket + 1) - low) * (rank - before)) / count;
    }
    before += count;
  }
  return last < 0 ? Number.NaN : bucketLowUs(last + 1);
}

function distribution(count: number, meanUs: number, quantilesUs: readonly number[]): Distribution {
  const seconds = (us: number | undefined) =>
    count === 0 || us === undefined || Number.isNaN(us) ? null : us / MICROSECONDS;
  const [p50, p90, p95, p99, max] = quantilesUs.map(seconds);
  return {
    count,
    meanSeconds: seconds(meanUs),
    p50Seconds: p50 ?? null,
    p90Seconds: p90 ?? null,
    p95Seconds: p95 ?? null,
    p99Seconds: p99 ?? null,
    maxSeconds: max ?? null,
  };
}
