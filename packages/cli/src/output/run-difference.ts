import type { FleetSummary } from "@windtunnel/sim-core";
import type { Run } from "../run/run.ts";
import { servedBy } from "./decision-difference.ts";
import { formatBytes, formatChange, formatCount, formatPercent, formatSeconds, plural } from "./numbers.ts";
import type { RequestFacts } from "./request-timeline.ts";
import { requestFacts } from "./request-timeline.ts";
import type { Table } from "./table.ts";

/** Requests shown of each direction. */
const SHOWN = 5;
/** A change of time to first token below this is no change that a user feels. */
const FELT_SECONDS = 0.05;

/** One request under both policies. */
export interface MovedRequest {
  readonly row: number;
  readonly first: RequestFacts;
  readonly second: RequestFacts;
  /** Time to first token under the second less that under the first. */
  readonly ttftChangeSeconds: number;
}

/** What a second policy did otherwise than a first, over a whole run. */
export interface RunDifference {
  readonly policies: readonly [string, string];
  readonly requests: number;
  /** Requests that got a first token under both. */
  readonly compared: number;
  readonly fleets: readonly [FleetSummary, FleetSummary];
  /** Of the compared: first token sooner by more than 50 ms, later by more than that. */
  readonly soonerRequests: number;
  readonly laterRequests: number;
  /** Mean prompt tokens left to compute of the requests that came sooner, and of those that came later. */
  readonly soonerUncachedTokens: readonly [number, number];
  readonly laterUncachedTokens: readonly [number, number];
  readonly soonerQueueSeconds: readonly [number, number];
  readonly laterQueueSeconds: readonly [number, number];
  /** Requests of the replica with the most, over the mean. */
  readonly busiestOverMean: readonly [number, number];
  readonly shorter: readonly MovedRequest[];
  readonly longer: readonly MovedRequest[];
}

/** Compares two runs of one workload, request by request. */
export function compareRuns(first: Run, second: Run): RunDifference {
  const moved: MovedRequest[] = [];
  const { count } = first.result.requests;
  for (let row = 0; row < count; row++) {
    const a = requestFacts(first.result, row);
    const b = requestFacts(second.result, row);
    if (a.ttftSeconds === null || b.ttftSeconds === null) continue;
    moved.push({ row, first: a, second: b, ttftChangeSeconds: b.ttftSeconds - a.ttftSeconds });
  }
  const sooner = moved.filter(({ ttftChangeSeconds }) => ttftChangeSeconds < -FELT_SECONDS);
  const later = moved.filter(({ ttftChangeSeconds }) => ttftChangeSeconds > FELT_SECONDS);
  const uncached = ({ promptTokens, cachedTokens }: RequestFacts) => promptTokens - cachedTokens;
  const queued = ({ queueTimeSeconds }: RequestFacts) => queueTimeSeconds ?? 0;
  return {
    policies: [first.policy, second.policy],
    requests: count,
    compared: moved.length,
    fleets: [first.summary.fleet, second.summary.fleet],
    soonerRequests: sooner.length,
    laterRequests: later.length,
    soonerUncachedTokens: means(sooner, uncached),
    laterUncachedTokens: means(later, uncached),
    soonerQueueSeconds: means(sooner, queued),
    laterQueueSeconds: means(later, queued),
    busiestOverMean: [busiestOverMean(first), busiestOverMean(second)],
    shorter: sooner.sort((x, y) => x.ttftChangeSeconds - y.ttftChangeSeconds).slice(0, SHOWN),
    longer: later.sort((x, y) => y.ttftChangeSeconds - x.ttftChangeSeconds).slice(0, SHOWN),
  };
}

function means(moved: readonly MovedRequest[], of: (facts: RequestFacts) => number): [number, number] {
  const mean = (side: "first" | "second") =>
    moved.length === 0 ? 0 : moved.reduce((sum, request) => sum + of(request[side]), 0) / moved.length;
  return [mean("first"), mean("second")];
}

function busiestOverMean({ result: { requests, replicas } }: Run): number {
  const counts = new Float64Array(replicas.length);
  let sent = 0;
  for (const replica of requests.replica) {
    if (replica < 0) continue;
    counts[replica]!++;
    sent++;
  }
  return sent === 0 ? 0 : (Math.max(...counts) * counts.length) / sent;
}

/** The difference in words, the cause beside the effect. */
export function differenceLines(difference: RunDifference): string[] {
  const [a, b] = difference.fleets;
  const moved = [a, b].some(({ disaggregation }) => (disaggregation?.prefilledElsewhere ?? 0) > 0);
  const { soonerUncachedTokens, laterUncachedTokens, soonerQueueSeconds, laterQueueSeconds } = difference;
  const { soonerRequests, laterRequests, compared, busiestOverMean: busiest } = difference;
  const lines = [
    ...pair("Prefix hit", a.prefixHitFraction, b.prefixHitFraction, formatPercent, " of prompt tokens"),
    ...pair("TTFT p50", a.latency.ttft.p50Seconds, b.latency.ttft.p50Seconds, formatSeconds),
    ...pair("TTFT p90", a.latency.ttft.p90Seconds, b.latency.ttft.p90Seconds, formatSeconds),
    ...pair("TTFT p99", a.latency.ttft.p99Seconds, b.latency.ttft.p99Seconds, formatSeconds),
    ...(moved ? pair("TPOT p50", a.latency.tpot.p50Seconds, b.latency.tpot.p50Seconds, formatSeconds) : []),
    ...(moved ? pair("TPOT p90", a.latency.tpot.p90Seconds, b.latency.tpot.p90Seconds, formatSeconds) : []),
    ...pair("E2E p90", a.latency.e2e.p90Seconds, b.latency.e2e.p90Seconds, formatSeconds),
    ...(moved ? [movedLine(a, b)] : []),
    `Busiest replica: ${busiest[0].toFixed(2)} → ${busiest[1].toFixed(2)} times the mean number of requests`,
    "",
    `First token sooner by more than ${FELT_SECONDS * 1000} ms: ${share(soonerRequests, compared)}`,
  ];
  if (soonerRequests > 0) lines.push(causes(soonerUncachedTokens, soonerQueueSeconds));
  lines.push(`First token later by more than ${FELT_SECONDS * 1000} ms: ${share(laterRequests, compared)}`);
  if (laterRequests > 0) lines.push(causes(laterUncachedTokens, laterQueueSeconds));
  return lines;
}

/** What prefill on other pods moved under each. */
function movedLine(a: FleetSummary, b: FleetSummary): string {
  const text = ({ disaggregation: d, latency }: FleetSummary) => {
    if (d === undefined || d.prefilledElsewhere === 0) return "nothing";
    const seconds = latency.kvTransfer?.p90Seconds ?? 0;
    return `${plural(d.prefilledElsewhere, "request")}, ${formatBytes(d.transferredBytes)}, p90 ${formatSeconds(seconds)}`;
  };
  return `KV cache moved between pods: ${text(a)} → ${text(b)}`;
}

function pair(
  title: string,
  a: number | null,
  b: number | null,
  format: (value: number) => string,
  unit = "",
): string[] {
  if (a === null || b === null) return [];
  const change = formatChange(a, b);
  return [`${title}: ${format(a)} → ${format(b)}${unit}${unit === "" && change !== "" ? ` (${change})` : ""}`];
}

const share = (count: number, of: number) =>
  `${formatCount(count)} of ${formatCount(of)} requests${of === 0 ? "" : ` (${formatPercent(count / of)})`}`;

function causes(uncached: readonly [number, number], queued: readonly [number, number]): string {
  const tokens = `${formatCount(uncached[0])} → ${formatCount(uncached[1])} prompt tokens left to compute`;
  return `  on average ${tokens}, ${formatSeconds(queued[0])} → ${formatSeconds(queued[1])} in the engine's queue`;
}

/** The requests whose first token moved furthest. */
export function movedTable(direction: "shorter" | "longer", difference: RunDifference): Table {
  const arrow = (a: string | null, b: string | null) => `${a ?? "–"} → ${b ?? "–"}`;
  const titles = ["Request", "prompt tokens", "sent to", "cached tokens", "queue time", "TTFT"];
  return {
    title: direction === "shorter" ? "First token soonest, compared" : "First token latest, compared",
    columns: titles.map((title, i) => ({ title, align: i === 2 ? "left" : "right" })),
    rows: difference[direction].map(({ row, first: a, second: b }) => [
      String(row),
      formatCount(a.promptTokens),
      arrow(servedBy(a), servedBy(b)),
      arrow(formatCount(a.cachedTokens), formatCount(b.cachedTokens)),
      arrow(formatSeconds(a.queueTimeSeconds ?? 0), formatSeconds(b.queueTimeSeconds ?? 0)),
      arrow(formatSeconds(a.ttftSeconds ?? 0), formatSeconds(b.ttftSeconds ?? 0)),
    ]),
  };
}
