import { moments, percentile } from "./summary-statistics.ts";

/** Widths over which arrivals are counted. */
const WINDOW_SECONDS = [1, 3, 10, 60, 300] as const;

interface WindowInfo {
  readonly n_windows: number;
  readonly peak_rate_rps: number;
  readonly mean_rate_rps: number;
  readonly count_cv: number;
  readonly index_of_dispersion: number;
  readonly frac_empty: number;
}

/** How requests arrive; seconds. */
export interface ArrivalInfo {
  readonly n: number;
  readonly first_s: number;
  readonly last_s: number;
  readonly span_s: number;
  readonly mean_rate_n_over_span: number;
  readonly interarrival: {
    readonly mean: number;
    readonly std_pop: number;
    readonly cv: number;
    readonly p50: number;
    readonly p90: number;
    readonly p99: number;
    readonly max: number;
    readonly frac_zero: number;
  };
  readonly distinct_timestamps: number;
  readonly window_1s: WindowInfo;
  readonly window_3s: WindowInfo;
  readonly window_10s: WindowInfo;
  readonly window_60s: WindowInfo;
  readonly window_300s: WindowInfo;
  readonly batch_size_at_same_timestamp: {
    readonly mean: number;
    readonly p50: number;
    readonly p99: number;
    readonly max: number;
  };
  readonly interarrival_of_distinct_timestamps: { readonly mean: number; readonly cv: number; readonly p50: number };
}

/** Statistics of arrival times, of two requests and more. @param arrivalSeconds in any order */
export function arrivalInfo(arrivalSeconds: Float64Array): ArrivalInfo {
  const times = Float64Array.from(arrivalSeconds).sort();
  const first = times[0]!;
  const last = times[times.length - 1]!;
  const { distinct, batchSizes } = batches(times);
  const distinctGaps = gapsOf(distinct).sort();
  const distinctMoments = moments(distinctGaps);
  const sizes = batchSizes.sort();
  const [w1, w3, w10, w60, w300] = WINDOW_SECONDS.map((width) => windowInfo(times, width)) as [
    WindowInfo,
    WindowInfo,
    WindowInfo,
    WindowInfo,
    WindowInfo,
  ];
  return {
    n: times.length,
    first_s: first,
    last_s: last,
    span_s: last - first,
    mean_rate_n_over_span: times.length / (last - first),
    interarrival: gapInfo(gapsOf(times)),
    distinct_timestamps: distinct.length,
    window_1s: w1,
    window_3s: w3,
    window_10s: w10,
    window_60s: w60,
    window_300s: w300,
    batch_size_at_same_timestamp: {
      mean: times.length / distinct.length,
      p50: percentile(sizes, 0.5),
      p99: percentile(sizes, 0.99),
      max: sizes[sizes.length - 1]!,
    },
    interarrival_of_distinct_timestamps: {
      mean: distinctMoments.mean,
      cv: distinctMoments.std / distinctMoments.mean,
      p50: percentile(distinctGaps, 0.5),
    },
  };
}

function gapInfo(gaps: Float64Array): ArrivalInfo["interarrival"] {
  const sorted = gaps.sort();
  const { mean, std } = moments(sorted);
  let zeros = 0;
  while (zeros < sorted.length && sorted[zeros] === 0) zeros++;
  return {
    mean,
    std_pop: std,
    cv: std / mean,
    p50: percentile(sorted, 0.5),
    p90: percentile(sorted, 0.9),
    p99: percentile(sorted, 0.99),
    max: sorted[sorted.length - 1]!,
    frac_zero: zeros / sorted.length,
  };
}

function gapsOf(times: Float64Array): Float64Array {
  return Float64Array.from({ length: Math.max(0, times.length - 1) }, (_, i) => times[i + 1]! - times[i]!);
}

function batches(sorted: Float64Array): { distinct: Float64Array; batchSizes: Float64Array } {
  const distinct: number[] = [];
  const batchSizes: number[] = [];
  for (const time of sorted) {
    if (distinct.length > 0 && distinct[distinct.length - 1] === time) batchSizes[batchSizes.length - 1]!++;
    else {
      distinct.push(time);
      batchSizes.push(1);
    }
  }
  return { distinct: Float64Array.from(distinct), batchSizes: Float64Array.from(batchSizes) };
}

/** Counts per window of `width` seconds from the first arrival, ceil(span / width) windows; the last one is closed. */
function windowInfo(sorted: Float64Array, width: number): WindowInfo {
  const first = sorted[0]!;
  const windows = Math.max(1, Math.ceil((sorted[sorted.length - 1]! - first) / width));
  const counts = new Float64Array(windows);
  for (const time of sorted) counts[Math.min(Math.floor((time - first) / width), windows - 1)]!++;
  const { mean, std } = moments(counts);
  return {
    n_windows: windows,
    peak_rate_rps: counts.reduce((peak, count) => Math.max(peak, count), 0) / width,
    mean_rate_rps: mean / width,
    count_cv: std / mean,
    index_of_dispersion: (std * std) / mean,
    frac_empty: counts.reduce((empty, count) => empty + (count === 0 ? 1 : 0), 0) / windows,
  };
}
