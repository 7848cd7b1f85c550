import type { RequestColumns } from "../simulate/result.ts";
import { Outcome } from "../simulate/result.ts";
import { LORA_METRICS } from "./lora-metrics.ts";
import type { ScopeTotals } from "./scope.ts";

/** What every metric says of itself. */
interface MetricBase {
  /** Its name on the command line: `windtunnel explain metric NAME`. */
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  /** Which way is an improvement. */
  readonly better: "lower" | "higher";
  readonly formula: string;
  readonly description: string;
  /** Why it is null when it is. */
  readonly noData: string;
}

/** A duration of each request; summarised as count, mean, p50, p90, p95, p99 and maximum. */
export interface LatencyMetric extends MetricBase {
  readonly kind: "latency";
  /** Field of `latency` in a summary. */
  readonly field:
    | "ttft"
    | "tpot"
    | "ntpot"
    | "e2e"
    | "queueTime"
    | "remoteEncode"
    | "remotePrefill"
    | "kvTransfer"
    | "kvLoad"
    | "slotWait"
    | "adapterLoad";
  /** Microseconds of one row; NaN when the row has none. */
  readonly valueUs: (requests: RequestColumns, row: number) => number;
}

/** Gaps between tokens, counted in a histogram for the whole fleet. */
export interface GapMetric extends MetricBase {
  readonly kind: "gap";
  readonly field: "itl";
}

/** One number for a scope (fleet, pool or class). */
export interface ScalarMetric extends MetricBase {
  readonly kind: "scalar";
  readonly field: ScalarField;
  /** Needs the hardware of the scope, so classes do not have it. */
  readonly ofHardware?: boolean;
  /** NaN when there is no data. */
  readonly compute: (totals: ScopeTotals) => number;
}

export type ScalarField =
  | "requestsPerSecond"
  | "goodputRequestsPerSecond"
  | "sloAttainmentFraction"
  | "outputTokensPerSecond"
  | "totalTokensPerSecond"
  | "prefixHitFraction"
  | "tierHitFraction"
  | "utilisationFraction"
  | "costUsd"
  | "costPerMillionTokensUsd"
  | "costPerMillionOutputTokensUsd"
  | "energyJoules"
  | "energyJoulesPerToken";

export type MetricDefinition = LatencyMetric | GapMetric | ScalarMetric;

const HOUR_US = 3.6e9;
const SECOND_US = 1e6;
const perSecond = (amount: number, totals: ScopeTotals) =>
  totals.spanUs > 0 ? (amount * SECOND_US) / totals.spanUs : Number.NaN;
const ratio = (part: number, whole: number) => (whole > 0 ? part / whole : Number.NaN);
const costUsd = (totals: ScopeTotals) =>
  totals.accelerators.reduce((sum, a) => sum + a.pricePerHourUsd, 0) * (totals.spanUs / HOUR_US);
const tokens = (totals: ScopeTotals) => totals.promptTokens + totals.outputTokens;

const completed = (requests: RequestColumns, row: number) => requests.outcome[row] === Outcome.completed;

/** Average power of a scope's accelerators: idle power always, the rest of the peak in proportion to busy time. */
function energyJoules(totals: ScopeTotals): number {
  let joules = 0;
  for (const a of totals.accelerators) {
    joules += (a.idleWatts * totals.spanUs + (a.peakWatts - a.idleWatts) * a.busyUs) / SECOND_US;
  }
  return joules;
}

const LATENCIES: readonly LatencyMetric[] = [
  {
    kind: "latency",
    name: "ttft",
    field: "ttft",
    title: "TTFT",
    unit: "s",
    better: "lower",
    formula: "firstToken − arrival",
    description: "Time to first token: from the request's arrival at the router to its first token.",
    noData: "no request produced a token",
    valueUs: (r, i) => r.firstTokenUs[i]! - r.arrivalUs[i]!,
  },
  {
    kind: "latency",
    name: "tpot",
    field: "tpot",
    title: "TPOT",
    unit: "s",
    better: "lower",
    formula: "(E2E − TTFT) / (outputTokens − 1)",
    description:
      "Time per output token after the first, one value per completed request; a one-token answer has none and is left out. Stalls and preemptions count.",
    noData: "no completed request produced two tokens",
    valueUs: (r, i) =>
      completed(r, i) && r.outputTokens[i]! > 1
        ? (r.finishUs[i]! - r.firstTokenUs[i]!) / (r.outputTokens[i]! - 1)
        : Number.NaN,
  },
  {
    kind: "latency",
    name: "ntpot",
    field: "ntpot",
    title: "NTPOT",
    unit: "s",
    better: "lower",
    formula: "E2E / outputTokens",
    description: "Normalised time per output token: the whole answer's time, queue and prefill included, per token.",
    noData: "no request completed",
    valueUs: (r, i) => (completed(r, i) ? (r.finishUs[i]! - r.arrivalUs[i]!) / r.outputTokens[i]! : Number.NaN),
  },
  {
    kind: "latency",
    name: "e2e",
    field: "e2e",
    title: "E2E",
    unit: "s",
    better: "lower",
    formula: "finish − arrival",
    description: "End-to-end latency: from arrival at the router to the last token, of completed requests.",
    noData: "no request completed",
    valueUs: (r, i) => (completed(r, i) ? r.finishUs[i]! - r.arrivalUs[i]! : Number.NaN),
  },
  {
    kind: "latency",
    name: "queue-time",
    field: "queueTime",
    title: "Queue time",
    unit: "s",
    better: "lower",
    formula: "scheduled − arrival",
    description:
      "From arrival at the router to the start of the first engine step that computes the request: router, API server and engine queue together.",
    noData: "no request was scheduled",
    valueUs: (r, i) => r.scheduledUs[i]! - r.arrivalUs[i]!,
  },
];

const DISAGGREGATED: readonly LatencyMetric[] = [
  {
    kind: "latency",
    name: "remote-prefill",
    field: "remotePrefill",
    title: "Remote prefill",
    unit: "s",
    better: "lower",
    formula: "prefillFinish − arrival",
    description:
      "Of requests that one pod prefills for another: from arrival at the router to the end of the prefill, sidecar and queue of the prefill pod included. Absent where no pod prefills for another.",
    noData: "no request was prefilled on another pod",
    valueUs: (r, i) => (r.disaggregation?.prefillFinishUs[i] ?? Number.NaN) - r.arrivalUs[i]!,
  },
  {
    kind: "latency",
    name: "kv-transfer",
    field: "kvTransfer",
    title: "KV transfer",
    unit: "s",
    better: "lower",
    formula: "transferEnd − transferStart",
    description:
      "Of requests that one pod prefills for another: from the decode pod's having taken blocks to the KV cache being in them. The wait for room before it is not part of it. Absent where no pod prefills for another.",
    noData: "no KV cache was moved",
    valueUs: (r, i) =>
      (r.disaggregation?.transferEndUs[i] ?? Number.NaN) - (r.disaggregation?.transferStartUs[i] ?? Number.NaN),
  },
];

const REMOTE_ENCODE: LatencyMetric = {
  kind: "latency",
  name: "remote-encode",
  field: "remoteEncode",
  title: "Remote encode",
  unit: "s",
  better: "lower",
  formula: "embeddingsEnd − arrival",
  description:
    "Of requests whose images, audio or video another pod encodes: from arrival at the router to the last embedding's being where the prompt is computed, sidecar and queue of the encode pod included. Absent where no pod encodes for another.",
  noData: "no request was encoded on another pod",
  valueUs: (r, i) => (r.encode?.embeddingsEndUs[i] ?? Number.NaN) - r.arrivalUs[i]!,
};

const KV_LOAD: LatencyMetric = {
  kind: "latency",
  name: "kv-load",
  field: "kvLoad",
  title: "KV load",
  unit: "s",
  better: "lower",
  formula: "loadEnd − loadStart",
  description:
    "Of requests whose prompt was found in part in tiers below HBM: from having taken blocks in HBM to the last of them being filled. Absent where pools have no tiers.",
  noData: "nothing was loaded from tiers",
  valueUs: (r, i) => (r.tiers?.loadEndUs[i] ?? Number.NaN) - (r.tiers?.loadStartUs[i] ?? Number.NaN),
};

const TIER_HIT: ScalarMetric = {
  kind: "scalar",
  name: "tier-hit",
  field: "tierHitFraction",
  title: "Tier hit",
  unit: "fraction",
  better: "higher",
  formula: "prompt tokens loaded from tiers below HBM / prompt tokens of scheduled requests",
  description: "Part of the prefix hit; the rest of that was in HBM. Absent where pools have no tiers.",
  noData: "no request was scheduled",
  compute: (t) => ratio(t.tierHitTokens, t.scheduledPromptTokens),
};

const ITL: GapMetric = {
  kind: "gap",
  name: "itl",
  field: "itl",
  title: "ITL",
  unit: "s",
  better: "lower",
  formula: "time between consecutive tokens of one request",
  description:
    "Inter-token latency: one value per gap, over all requests. Quantiles come from a histogram with buckets 1 % wide; the mean is exact, over completed requests.",
  noData: "no request produced two tokens",
};

const THROUGHPUTS: readonly ScalarMetric[] = [
  {
    kind: "scalar",
    name: "throughput",
    field: "requestsPerSecond",
    title: "Throughput",
    unit: "req/s",
    better: "higher",
    formula: "completed requests / span",
    description:
      "Completed requests per second. The span runs from the first arrival to the last finish, so the drain counts.",
    noData: "no request completed",
    compute: (t) => perSecond(t.outcomes.completed, t),
  },
  {
    kind: "scalar",
    name: "goodput",
    field: "goodputRequestsPerSecond",
    title: "Goodput",
    unit: "req/s",
    better: "higher",
    formula: "completed requests that meet every SLO they carry / span",
    description:
      "A request carries the TTFT and TPOT objectives of its class; one without an objective counts when it completes, and a one-token answer meets any TPOT.",
    noData: "no request completed",
    compute: (t) => perSecond(t.metSlo, t),
  },
  {
    kind: "scalar",
    name: "slo-attainment",
    field: "sloAttainmentFraction",
    title: "SLO attainment",
    unit: "fraction",
    better: "higher",
    formula: "requests that meet every SLO they carry / requests that ended",
    description: "Rejected and refused requests ended without meeting anything; unfinished ones are left out.",
    noData: "no request ended",
    compute: (t) => ratio(t.metSlo, t.outcomes.total - t.outcomes.unfinished),
  },
  {
    kind: "scalar",
    name: "output-throughput",
    field: "outputTokensPerSecond",
    title: "Output tokens",
    unit: "tok/s",
    better: "higher",
    formula: "output tokens of completed requests / span",
    description: "Generated tokens per second.",
    noData: "no request completed",
    compute: (t) => perSecond(t.outputTokens, t),
  },
  {
    kind: "scalar",
    name: "total-throughput",
    field: "totalTokensPerSecond",
    title: "Total tokens",
    unit: "tok/s",
    better: "higher",
    formula: "(prompt + output tokens of completed requests) / span",
    description: "Prompt tokens count whether they were computed or found in a cache.",
    noData: "no request completed",
    compute: (t) => perSecond(tokens(t), t),
  },
  {
    kind: "scalar",
    name: "prefix-hit",
    field: "prefixHitFraction",
    title: "Prefix hit",
    unit: "fraction",
    better: "higher",
    formula: "prompt tokens found in the prefix cache / prompt tokens of scheduled requests",
    description:
      "In HBM, or loaded from tiers below it. Counted once per request, at its first admission; blocks recomputed after a preemption do not count.",
    noData: "no request was scheduled",
    compute: (t) => ratio(t.prefixHitTokens, t.scheduledPromptTokens),
  },
];

const HARDWARE: readonly ScalarMetric[] = [
  {
    kind: "scalar",
    name: "utilisation",
    field: "utilisationFraction",
    title: "Utilisation",
    unit: "fraction",
    better: "higher",
    formula: "Σ busy time of replicas / (replicas × span)",
    description:
      "Share of the time in which a replica executes a step; says nothing about how full the step is. A data-parallel rank that only runs along with the others does not count as busy.",
    noData: "no time passed",
    ofHardware: true,
    compute: (t) => ratio(t.busyUs, t.replicas * t.spanUs),
  },
  {
    kind: "scalar",
    name: "cost",
    field: "costUsd",
    title: "Cost",
    unit: "USD",
    better: "lower",
    formula: "Σ accelerators × price per accelerator-hour × span",
    description: "Every accelerator of the scope is paid for the whole span, busy or not.",
    noData: "no price is known for some accelerator",
    ofHardware: true,
    compute: costUsd,
  },
  {
    kind: "scalar",
    name: "cost-per-million-tokens",
    field: "costPerMillionTokensUsd",
    title: "Cost per 1M tokens",
    unit: "USD",
    better: "lower",
    formula: "cost / (prompt + output tokens of completed requests) × 1e6",
    description: "Prompt tokens count whether they were computed or found in a cache.",
    noData: "no request completed, or no price is known",
    ofHardware: true,
    compute: (t) => ratio(costUsd(t) * 1e6, tokens(t)),
  },
  {
    kind: "scalar",
    name: "cost-per-million-output-tokens",
    field: "costPerMillionOutputTokensUsd",
    title: "Cost per 1M output tokens",
    unit: "USD",
    better: "lower",
    formula: "cost / output tokens of completed requests × 1e6",
    description: "The whole cost, prefill included, is put on the generated tokens.",
    noData: "no request completed, or no price is known",
    ofHardware: true,
    compute: (t) => ratio(costUsd(t) * 1e6, t.outputTokens),
  },
  {
    kind: "scalar",
    name: "energy",
    field: "energyJoules",
    title: "Energy",
    unit: "J",
    better: "lower",
    formula: "Σ accelerators: idle power × span + (peak power − idle power) × busy time",
    description: "A linear model of power between the catalogue's idle and peak watts; accelerators only, no host.",
    noData: "no power is known for some accelerator",
    ofHardware: true,
    compute: energyJoules,
  },
  {
    kind: "scalar",
    name: "energy-per-token",
    field: "energyJoulesPerToken",
    title: "Energy per token",
    unit: "J",
    better: "lower",
    formula: "energy / (prompt + output tokens of completed requests)",
    description: "Prompt tokens count whether they were computed or found in a cache.",
    noData: "no request completed, or no power is known",
    ofHardware: true,
    compute: (t) => ratio(energyJoules(t), tokens(t)),
  },
];

/** Every metric, once: the summary, `windtunnel explain metric` and the documentation read this. */
export const METRICS: readonly MetricDefinition[] = [
  ...LATENCIES,
  REMOTE_ENCODE,
  ...DISAGGREGATED,
  KV_LOAD,
  ...LORA_METRICS,
  ITL,
  ...THROUGHPUTS,
  TIER_HIT,
  ...HARDWARE,
];

/** Metrics that are one duration per request. */
export const LATENCY_METRICS = LATENCIES;
/** The same, of the legs of requests that one pod prefills for another. */
export const LEG_METRICS = DISAGGREGATED;
/** The same, of requests whose images, audio or video another pod encodes. */
export const ENCODE_METRIC = REMOTE_ENCODE;
/** Metrics of tiers below HBM. */
export const TIER_METRICS = { kvLoad: KV_LOAD, tierHit: TIER_HIT };
/** Metrics that are one number for any set of requests. */
export const REQUEST_SCALARS = THROUGHPUTS;
/** Metrics that are one number for a set of replicas. */
export const HARDWARE_SCALARS = HARDWARE;
/** The metric of gaps between tokens. */
export const GAP_METRIC = ITL;
