import type { RequestColumns } from "../simulate/result.ts";
import { Outcome } from "../simulate/result.ts";
import type { WorkloadClass } from "../workload/workload.ts";

/** What one replica's accelerators cost and draw; NaN where the catalogue does not know. */
export interface ReplicaHardware {
  /** Of all the replica's accelerators together. */
  readonly pricePerHourUsd: number;
  readonly idleWatts: number;
  readonly peakWatts: number;
}

/** Requests by how they ended. */
interface OutcomeCounts {
  total: number;
  completed: number;
  rejected: number;
  refusedTooLong: number;
  unfinished: number;
  /** Only where there are some. */
  cancelled?: number;
  timedOut?: number;
  overflowed?: number;
}

/** Sums over the requests and replicas of a fleet, a pool or a class. */
export interface ScopeTotals {
  readonly outcomes: OutcomeCounts;
  /** Completed requests that meet every SLO they carry. */
  metSlo: number;
  /** Of completed requests. */
  promptTokens: number;
  /** Of completed requests. */
  outputTokens: number;
  /** Of scheduled requests. */
  scheduledPromptTokens: number;
  /** Of scheduled requests. */
  prefixHitTokens: number;
  /** Of these, loaded from tiers below HBM. */
  tierHitTokens: number;
  preemptions: number;
  /** Time between first and last token, and gaps in it, of completed requests. */
  decodeUs: number;
  gaps: number;
  /** First arrival to last finish of the whole run, the same for every scope. */
  spanUs: number;
  replicas: number;
  busyUs: number;
  accelerators: (ReplicaHardware & { readonly busyUs: number })[];
}

/** Totals of nothing yet. */
export function emptyTotals(spanUs: number): ScopeTotals {
  return {
    outcomes: { total: 0, completed: 0, rejected: 0, refusedTooLong: 0, unfinished: 0 },
    metSlo: 0,
    promptTokens: 0,
    outputTokens: 0,
    scheduledPromptTokens: 0,
    prefixHitTokens: 0,
    tierHitTokens: 0,
    preemptions: 0,
    decodeUs: 0,
    gaps: 0,
    spanUs,
    replicas: 0,
    busyUs: 0,
    accelerators: [],
  };
}

/** Adds one request. */
export function addRow(totals: ScopeTotals, r: RequestColumns, row: number, slo: WorkloadClass | undefined): void {
  totals.outcomes.total++;
  totals.preemptions += r.preemptions[row]!;
  if (!Number.isNaN(r.scheduledUs[row]!)) {
    totals.scheduledPromptTokens += r.promptTokens[row]!;
    totals.prefixHitTokens += r.cachedTokens[row]!;
    if (r.tiers !== undefined) for (const hits of r.tiers.hitTokens) totals.tierHitTokens += hits[row]!;
  }
  const outcome = r.outcome[row]!;
  if (outcome === Outcome.completed) {
    totals.outcomes.completed++;
    totals.promptTokens += r.promptTokens[row]!;
    totals.outputTokens += r.outputTokens[row]!;
    const decodeUs = r.finishUs[row]! - r.firstTokenUs[row]!;
    const gaps = r.outputTokens[row]! - 1;
    totals.decodeUs += decodeUs;
    totals.gaps += gaps;
    if (meetsSlo(r.firstTokenUs[row]! - r.arrivalUs[row]!, gaps > 0 ? decodeUs / gaps : 0, slo)) totals.metSlo++;
  } else if (outcome === Outcome.rejected) totals.outcomes.rejected++;
  else if (outcome === Outcome.refusedTooLong) totals.outcomes.refusedTooLong++;
  else if (outcome === Outcome.cancelled) totals.outcomes.cancelled = (totals.outcomes.cancelled ?? 0) + 1;
  else if (outcome === Outcome.timedOut) totals.outcomes.timedOut = (totals.outcomes.timedOut ?? 0) + 1;
  else if (outcome === Outcome.overflowed) totals.outcomes.overflowed = (totals.outcomes.overflowed ?? 0) + 1;
  else totals.outcomes.unfinished++;
}

function meetsSlo(ttftUs: number, tpotUs: number, slo: WorkloadClass | undefined): boolean {
  if (slo?.ttftSloUs !== undefined && ttftUs > slo.ttftSloUs) return false;
  return slo?.tpotSloUs === undefined || tpotUs <= slo.tpotSloUs;
}

/** First arrival to last finish in microseconds; to the end of the run when it was stopped; 0 when nothing arrived. */
export function spanUs(r: RequestColumns, stopped: boolean, endUs: number): number {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < r.count; row++) {
    if (r.arrivalUs[row]! < first) first = r.arrivalUs[row]!;
    if (r.finishUs[row]! > last) last = r.finishUs[row]!;
  }
  if (stopped) last = endUs;
  return last > first ? last - first : 0;
}
