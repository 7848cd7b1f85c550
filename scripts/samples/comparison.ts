import { azureLikeCode, azureLikeConversation } from "./azure-like.ts";
import { mooncakeLike } from "./mooncake-like.ts";

/** One measure of a real trace, the same of its sample, and the bounds within which they count as alike. */
export interface Comparison {
  readonly measure: string;
  readonly real: number;
  readonly sample: number;
  /** Largest sample / real, or real / sample. */
  readonly factor: number;
}

/** Requests of the real Mooncake trace: capacities and reuse distances of the sample are scaled by its share of them. */
const REAL_MOONCAKE_ROWS = 12_031;

interface MooncakeRow {
  readonly timestamp: number;
  readonly input_length: number;
  readonly output_length: number;
  readonly hash_ids: readonly number[];
}

/** The Mooncake-like sample beside the FAST25 conversation trace. */
export function mooncakeComparison(): Comparison[] {
  const rows = mooncakeLike("1")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as MooncakeRow);
  const inputs = rows.map((row) => row.input_length);
  const outputs = rows.map((row) => row.output_length);
  const times = rows.map((row) => row.timestamp / 1000);
  const convoys = [...Map.groupBy(times, (time) => time).values()].map((convoy) => convoy.length);
  const scale = rows.length / REAL_MOONCAKE_ROWS;
  const blocks = rows.map((row) => row.hash_ids);
  const distances = reuseDistances(blocks).map((distance) => distance / scale);
  return [
    compare("requests per second", 3.401, rows.length / times.at(-1)!, 1.1),
    compare("gap CV (3 s convoys, not jittered)", 3.034, gapCv(times), 1.1),
    compare("share of gaps that are 0", 0.902, gaps(times).filter((gap) => gap === 0).length / (rows.length - 1), 1.02),
    compare("requests at one timestamp, mean", 10.196, mean(convoys), 1.1),
    compare("requests at one timestamp, p99", 18.21, quantile(convoys, 0.99), 1.15),
    ...lengths("input", inputs, { mean: 12035, p50: 6909, p90: 27367, p99: 85400 }, 1.05),
    ...lengths("output", outputs, { mean: 342.6, p50: 350, p90: 597, p99: 1118.5 }, 1.05),
    compare("blocks per request, mean", 23.98, mean(blocks.map((ids) => ids.length)), 1.05),
    compare("share of requests with block 0", 1, blocks.filter((ids) => ids[0] === 0).length / rows.length, 1),
    compare("block hit ratio, infinite cache", 0.3664, lruHitRatio(blocks, Number.POSITIVE_INFINITY), 1.05),
    ...(
      [
        [1_000, 0.0445],
        [5_000, 0.1118],
        [5_859, 0.1361],
        [10_000, 0.2116],
        [20_000, 0.2878],
        [50_000, 0.3546],
      ] as const
    ).map(([capacity, real]) =>
      compare(
        `block hit ratio, LRU of ${capacity} blocks`,
        real,
        lruHitRatio(blocks, Math.round(capacity * scale)),
        1.3,
      ),
    ),
    compare("blocks' reuse distance in requests, p50", 384, quantile(distances, 0.5), 1.4),
    compare("blocks' reuse distance in requests, p90", 1748, quantile(distances, 0.9), 1.4),
  ];
}

/** The Azure-like conversation sample beside the Azure 2023 conversation trace. */
export function conversationComparison(): Comparison[] {
  const { times, inputs, outputs } = readAzure(azureLikeConversation("1"));
  return [
    compare("requests per second", 5.53, times.length / times.at(-1)!, 1.1),
    compare("gap CV", 1.094, gapCv(times), 1.1),
    compare("gap p50 (s)", 0.1184, quantile(gaps(times), 0.5), 1.15),
    compare("gap p99 (s)", 0.8897, quantile(gaps(times), 0.99), 1.15),
    compare("index of dispersion, 1 s", 1.386, dispersion(times, 1), 1.2),
    compare("index of dispersion, 3 s", 1.977, dispersion(times, 3), 1.3),
    compare("index of dispersion, 10 s", 4.003, dispersion(times, 10), 1.4),
    ...lengths("input", inputs, { mean: 1154.7, p50: 1020, p90: 2734.5, p99: 4142 }, 1.05),
    ...lengths("output", outputs, { mean: 211.1, p50: 129, p90: 424, p99: 601 }, 1.05),
  ];
}

/** The Azure-like code sample beside the Azure 2023 code trace. */
export function codeComparison(): Comparison[] {
  const { times, inputs, outputs } = readAzure(azureLikeCode("1"));
  return [
    compare("requests per second", 2.567, times.length / times.at(-1)!, 1.2),
    compare("gap CV", 13.15, gapCv(times), 1.3),
    compare("gap p50 (s)", 0.0638, quantile(gaps(times), 0.5), 1.4),
    compare("gap p90 (s)", 0.2729, quantile(gaps(times), 0.9), 1.4),
    compare("longest silence (s)", 217.2, Math.max(...gaps(times)), 1.7),
    compare("index of dispersion, 1 s", 13.18, dispersion(times, 1), 1.3),
    compare("index of dispersion, 3 s", 32.39, dispersion(times, 3), 1.3),
    compare("index of dispersion, 10 s", 71.3, dispersion(times, 10), 1.3),
    compare("share of seconds without a request", 0.7337, emptyShare(times, 1), 1.1),
    ...lengths("input", inputs, { mean: 2047.8, p50: 1469, p90: 5187.6, p99: 7436 }, 1.05),
    ...lengths("output", outputs, { mean: 27.88, p50: 13, p90: 55, p99: 251.5 }, 1.1),
  ];
}

/** A comparison as a Markdown table, its columns aligned. */
export function comparisonTable(comparisons: readonly Comparison[]): string {
  const rows = comparisons.map(({ measure, real, sample }) => [measure, digits(real), digits(sample)]);
  const cells = [["measure", "real", "sample"], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => row[column]!.length)));
  const lines = cells.map(
    ([measure, real, sample]) =>
      `| ${measure!.padEnd(widths[0]!)} | ${real!.padStart(widths[1]!)} | ${sample!.padStart(widths[2]!)} |`,
  );
  const rule = `| ${"-".repeat(widths[0]!)} | ${"-".repeat(widths[1]! - 1)}: | ${"-".repeat(widths[2]! - 1)}: |`;
  return [lines[0], rule, ...lines.slice(1)].join("\n");
}

function compare(measure: string, real: number, sample: number, factor: number): Comparison {
  return { measure, real, sample, factor };
}

function lengths(
  of: "input" | "output",
  tokens: readonly number[],
  real: { readonly mean: number; readonly p50: number; readonly p90: number; readonly p99: number },
  factor: number,
): Comparison[] {
  return [
    compare(`${of} tokens, mean`, real.mean, mean(tokens), factor),
    compare(`${of} tokens, p50`, real.p50, quantile(tokens, 0.5), factor),
    compare(`${of} tokens, p90`, real.p90, quantile(tokens, 0.9), factor),
    compare(`${of} tokens, p99`, real.p99, quantile(tokens, 0.99), factor),
  ];
}

function readAzure(csv: string): { times: number[]; inputs: number[]; outputs: number[] } {
  const cells = csv
    .split("\r\n")
    .slice(1)
    .map((line) => line.split(","));
  const times = cells.map(([timestamp]) => {
    const [hours, minutes, seconds] = timestamp!.slice(11).split(":").map(Number);
    return (hours! - 12) * 3600 + minutes! * 60 + seconds!;
  });
  return {
    times,
    inputs: cells.map(([, tokens]) => Number(tokens)),
    outputs: cells.map(([, , tokens]) => Number(tokens)),
  };
}

function digits(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function variance(values: readonly number[]): number {
  const centre = mean(values);
  return mean(values.map((value) => (value - centre) ** 2));
}

/** Linear-interpolated quantile. */
function quantile(values: readonly number[], probability: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = probability * (sorted.length - 1);
  const below = sorted[Math.floor(position)]!;
  return below + (sorted[Math.ceil(position)]! - below) * (position % 1);
}

function gaps(times: readonly number[]): number[] {
  return times.slice(1).map((time, index) => time - times[index]!);
}

function gapCv(times: readonly number[]): number {
  return Math.sqrt(variance(gaps(times))) / mean(gaps(times));
}

/** Requests in each of the ceil(span / width) windows. */
function windowCounts(times: readonly number[], widthSeconds: number): number[] {
  const counts = new Array<number>(Math.ceil(times.at(-1)! / widthSeconds)).fill(0);
  for (const time of times) counts[Math.min(counts.length - 1, Math.floor(time / widthSeconds))]! += 1;
  return counts;
}

function dispersion(times: readonly number[], widthSeconds: number): number {
  const counts = windowCounts(times, widthSeconds);
  return variance(counts) / mean(counts);
}

function emptyShare(times: readonly number[], widthSeconds: number): number {
  const counts = windowCounts(times, widthSeconds);
  return counts.filter((count) => count === 0).length / counts.length;
}

/** Leading blocks found in one LRU cache, over all blocks; a request's blocks are touched leaf first, root last. */
function lruHitRatio(requests: readonly (readonly number[])[], capacityBlocks: number): number {
  const cache = new Set<number>();
  let hits = 0;
  let blocks = 0;
  for (const ids of requests) {
    const miss = ids.findIndex((id) => !cache.has(id));
    hits += miss === -1 ? ids.length : miss;
    blocks += ids.length;
    for (const id of ids.toReversed()) {
      cache.delete(id);
      cache.add(id);
    }
    for (const oldest of cache) {
      if (cache.size <= capacityBlocks) break;
      cache.delete(oldest);
    }
  }
  return hits / blocks;
}

function reuseDistances(requests: readonly (readonly number[])[]): number[] {
  const last = new Map<number, number>();
  const distances: number[] = [];
  for (const [index, ids] of requests.entries()) {
    for (const id of ids) {
      const before = last.get(id);
      if (before !== undefined) distances.push(index - before);
      last.set(id, index);
    }
  }
  return distances;
}
