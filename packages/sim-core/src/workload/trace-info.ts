import { TraceError } from "../errors.ts";
import { counterUniform, hashSeed, streamId } from "../kernel/random.ts";
import { type ArrivalInfo, arrivalInfo } from "./arrival-info.ts";
import { type BlockInfo, blockInfo } from "./block-info.ts";
import { type PrefixCacheFacts, prefixCacheFacts } from "./prefix-cache-facts.ts";
import { type Distribution, distribution, moments } from "./summary-statistics.ts";
import type { ColumnUse, TraceTable } from "./trace-rows.ts";

export interface TraceInfoOptions {
  /** Adds what caches of several sizes, fleets and policies would hit: seconds instead of milliseconds. */
  readonly cache?: boolean;
  /** Adds the arrivals with each time moved later by a uniform draw from 0 to this. */
  readonly jitterUs?: number;
  readonly seed?: number | string;
}

/** What a trace holds. Keys are those of the published `*.stats.json`, so that the two can be compared as they are. */
export interface TraceInfo extends Partial<BlockInfo>, Partial<PrefixCacheFacts> {
  readonly file: string;
  readonly format: string;
  readonly mapping: readonly ColumnUse[];
  readonly notes: readonly string[];
  readonly rows: number;
  readonly skipped: Readonly<Record<string, number>>;
  readonly sorted_by_timestamp?: boolean;
  /** Rows that start when another row ends; they are not in `arrivals`. */
  readonly released_rows: number;
  readonly arrivals?: ArrivalInfo;
  readonly arrivals_jittered?: ArrivalInfo;
  readonly input_tokens: Distribution;
  readonly output_tokens: Distribution;
  readonly input_over_output_sum_ratio: number;
  readonly pearson_in_out: number;
  readonly zero_input_rows: number;
  readonly zero_output_rows: number;
  readonly rows_by_class?: Readonly<Record<string, number>>;
}

/** @throws TraceError when the trace has no row */
export function traceInfo(table: TraceTable, options: TraceInfoOptions = {}): TraceInfo {
  if (table.count === 0) throw new TraceError(`${table.file}: found no row; allowed: 1 or more`);
  const input = distribution(table.promptTokens);
  const output = distribution(table.outputTokens);
  return {
    file: table.file,
    format: table.format,
    mapping: table.mapping,
    notes: table.notes,
    rows: table.count,
    skipped: Object.fromEntries(table.skipped),
    ...arrivalParts(table, options),
    input_tokens: input,
    output_tokens: output,
    input_over_output_sum_ratio: input.sum / output.sum,
    pearson_in_out: pearson(table.promptTokens, table.outputTokens),
    zero_input_rows: table.promptTokens.reduce((zeros, tokens) => zeros + (tokens === 0 ? 1 : 0), 0),
    zero_output_rows: table.outputTokens.reduce((zeros, tokens) => zeros + (tokens === 0 ? 1 : 0), 0),
    ...classCounts(table),
    ...(table.segments === undefined ? {} : blockInfo(table)),
    ...(table.segments === undefined || options.cache !== true ? {} : prefixCacheFacts(table)),
  };
}

/** The jitter that undoes a trace's clock steps: their usual width where most gaps are 0, else nothing. */
export function suggestedJitterUs(info: TraceInfo): number {
  const arrivals = info.arrivals;
  if (arrivals === undefined || !(arrivals.interarrival.frac_zero > 0.5)) return 0;
  return Math.round(arrivals.interarrival_of_distinct_timestamps.p50 * 1e6);
}

function arrivalParts(
  table: TraceTable,
  options: TraceInfoOptions,
): Pick<TraceInfo, "sorted_by_timestamp" | "released_rows" | "arrivals" | "arrivals_jittered"> {
  const { arrivalUs, releasedBy } = table;
  const open = arrivalUs?.filter((_, row) => releasedBy === undefined || releasedBy[row]! < 0);
  const released = { released_rows: open === undefined ? 0 : table.count - open.length };
  if (open === undefined || open.length === 0) return released;
  const sorted = { ...released, sorted_by_timestamp: open.every((us, i) => i === 0 || us >= open[i - 1]!) };
  if (open.length < 2) return sorted;
  const seconds = open.map((us) => us / 1e6);
  const { jitterUs } = options;
  if (jitterUs === undefined) return { ...sorted, arrivals: arrivalInfo(seconds) };
  const seed = hashSeed(options.seed ?? 0);
  const stream = streamId("trace/jitter");
  const jittered = seconds.map((second, row) => second + (counterUniform(seed, stream, row) * jitterUs) / 1e6);
  return { ...sorted, arrivals: arrivalInfo(seconds), arrivals_jittered: arrivalInfo(jittered) };
}

function pearson(a: Int32Array, b: Int32Array): number {
  const ma = moments(a);
  const mb = moments(b);
  let covariance = 0;
  for (let i = 0; i < a.length; i++) covariance += (a[i]! - ma.mean) * (b[i]! - mb.mean);
  return covariance / a.length / (ma.std * mb.std);
}

function classCounts(table: TraceTable): Pick<TraceInfo, "rows_by_class"> {
  const { classOf, classNames } = table;
  if (classOf === undefined || classNames === undefined) return {};
  const counts = new Array<number>(classNames.length).fill(0);
  for (const index of classOf) counts[index]!++;
  return { rows_by_class: Object.fromEntries(classNames.map((name, index) => [name, counts[index]!])) };
}
