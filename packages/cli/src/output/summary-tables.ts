import type { FleetSummary, PoolSummary, RunSummary } from "@windtunnel/sim-core";
import { formatBytes, formatCount, formatNumber, formatPercent, formatSeconds, plural } from "./numbers.ts";
import type { Cell, Table } from "./table.ts";

/** The title of a run: scenario, policy, seed, size. */
export function runTitle(run: RunSummary): string {
  const { total } = run.fleet.requests;
  const partial = run.partial ? "  PARTIAL: stopped before its end" : "";
  return `${run.scenario} · ${run.policy} · seed ${run.seed} · ${formatCount(total)} requests in ${formatSeconds(run.spanSeconds)} of simulated time${partial}`;
}

/** What one run measured, as the tables of `-o table`. */
export function summaryTables(run: RunSummary): Table[] {
  const tables = [latencyTable(run), fleetTable(run), poolTable(run)];
  if (run.classes.length > 1) tables.push(classTable(run));
  return tables;
}

const LATENCY_ROWS = [
  ["TTFT", "ttft"],
  ["TPOT", "tpot"],
  ["ITL", "itl"],
  ["E2E", "e2e"],
  ["Queue time", "queueTime"],
] as const;

function latencyTable(run: RunSummary): Table {
  return {
    columns: ["Latency", "mean", "p50", "p90", "p99", "max"].map((title, i) => ({
      title,
      align: i === 0 ? "left" : "right",
    })),
    rows: LATENCY_ROWS.map(([title, field]) => {
      const d = run.fleet.latency[field];
      return [
        title,
        ...[d.meanSeconds, d.p50Seconds, d.p90Seconds, d.p99Seconds, d.maxSeconds].map((s) => orDash(s, formatSeconds)),
      ];
    }),
  };
}

function fleetTable({ fleet, partial }: RunSummary): Table {
  const { requests } = fleet;
  const ended = requests.total - requests.unfinished;
  const rows: Cell[][] = [
    [
      "Completed",
      `${formatCount(requests.completed)} of ${formatCount(partial ? ended : requests.total)}${others(fleet)}`,
    ],
    ["Goodput", `${orDash(fleet.goodputRequestsPerSecond, formatNumber)} req/s${attained(fleet)}`],
    [
      "Throughput",
      `${orDash(fleet.requestsPerSecond, formatNumber)} req/s, ${orDash(fleet.outputTokensPerSecond, formatNumber)} output tok/s, ${orDash(fleet.totalTokensPerSecond, formatNumber)} total tok/s`,
    ],
    ["Prefix hit", `${orDash(fleet.prefixHitFraction, formatPercent)} of prompt tokens${fromTiers(fleet)}`],
    ...encodeRows(fleet),
    ...disaggregationRows(fleet),
    ...adapterRows(fleet),
    ["Utilisation", `${orDash(fleet.utilisationFraction, formatPercent)} of ${plural(fleet.replicas, "replica")}`],
    [
      "Cost",
      `${orDash(fleet.costPerMillionTokensUsd, dollars)} per 1M tokens, ${orDash(fleet.costPerMillionOutputTokensUsd, dollars)} per 1M output tokens`,
    ],
    ["Energy", `${orDash(fleet.energyJoulesPerToken, formatNumber)} J per token`],
  ];
  return { columns: [{ title: "" }, { title: "" }], rows };
}

/** What was encoded on other pods; only where pods may do that. */
function encodeRows({ encode, requests, latency }: FleetSummary): Cell[][] {
  if (encode === undefined) return [];
  const { encodedElsewhere, items, embeddingsBytes } = encode;
  const count = `${formatCount(encodedElsewhere)} of ${formatCount(requests.total)} requests encoded on another pod`;
  if (encodedElsewhere === 0) return [["Encode pods", count]];
  const [p50, p90] = [latency.remoteEncode?.p50Seconds ?? null, latency.remoteEncode?.p90Seconds ?? null];
  const times = `p50 ${orDash(p50, formatSeconds)}, p90 ${orDash(p90, formatSeconds)}`;
  return [
    ["Encode pods", `${count}; embeddings are there after ${times}`],
    ["Embeddings", `${formatBytes(embeddingsBytes)} of ${plural(items, "item")}`],
  ];
}

/** What prefill on other pods moved, and what of it failed; only where pods may do that. */
function disaggregationRows({ disaggregation, requests, latency }: FleetSummary): Cell[][] {
  if (disaggregation === undefined) return [];
  const { prefilledElsewhere: count, transferredBytes, prefillFailures, holdTimeouts } = disaggregation;
  const rows: Cell[][] = [
    ["Prefill pods", `${formatCount(count)} of ${formatCount(requests.total)} requests prefilled on another pod`],
  ];
  if (count > 0) {
    const [p50, p90] = [latency.kvTransfer?.p50Seconds ?? null, latency.kvTransfer?.p90Seconds ?? null];
    const each = formatBytes(transferredBytes / count);
    const times = `p50 ${orDash(p50, formatSeconds)}, p90 ${orDash(p90, formatSeconds)}`;
    rows.push(["KV transfers", `${formatBytes(transferredBytes)}, ${each} each; ${times}`]);
  }
  const failed = [
    ...(prefillFailures > 0 ? [`${plural(prefillFailures, "call")} of prefill pods failed`] : []),
    ...(holdTimeouts > 0 ? [`${plural(holdTimeouts, "request")} waited for too long for the other pod`] : []),
  ];
  if (failed.length > 0) rows.push(["", failed.join(", ")]);
  return rows;
}

/** What adapters were loaded and waited for; only where pools serve some. */
function adapterRows({ adapters, requests, latency }: FleetSummary): Cell[][] {
  if (adapters === undefined) return [];
  const { fromHost, fromStorage, waitSeconds, passedOver } = adapters;
  const waits = `${formatCount(passedOver)} of ${formatCount(requests.total)} requests waited for a place in the batch`;
  const median = passedOver === 0 ? "" : `; p50 ${orDash(latency.slotWait?.p50Seconds ?? null, formatSeconds)}`;
  const storage = `${formatCount(fromStorage)} from storage`;
  return [
    [
      "Adapter loads",
      `${formatCount(fromHost)} from host memory, ${storage}; steps waited ${formatSeconds(waitSeconds)}`,
    ],
    ["Adapter slots", `${waits}${median}`],
  ];
}

function others({ requests, preemptions }: FleetSummary): string {
  const parts = [
    [requests.rejected, "rejected"],
    [requests.refusedTooLong, "too long"],
    [requests.cancelled ?? 0, "cancelled"],
    [requests.timedOut ?? 0, "timed out"],
    [requests.overflowed ?? 0, "refused by the gateway"],
    [requests.unfinished, "unfinished"],
    [preemptions, preemptions === 1 ? "preemption" : "preemptions"],
  ] as const;
  const shown = parts.filter(([count]) => count > 0).map(([count, word]) => `${formatCount(count)} ${word}`);
  return shown.length === 0 ? "" : ` (${shown.join(", ")})`;
}

/** What of the prefix hit came from tiers below HBM, and how long that took. */
function fromTiers({ tiers, prefixHitTokens, prefixHitFraction, latency }: FleetSummary): string {
  if (tiers === undefined) return "";
  const part = (tokens: number) =>
    formatPercent(prefixHitTokens === 0 ? 0 : (tokens / prefixHitTokens) * (prefixHitFraction ?? 0));
  const loaded = Object.entries(tiers.hitTokens).map(([name, tokens]) => `${name} ${part(tokens)}`);
  const median = latency.kvLoad?.p50Seconds ?? null;
  return ` (${loaded.join(", ")}; loads p50 ${orDash(median, formatSeconds)})`;
}

function attained(fleet: FleetSummary): string {
  return fleet.sloAttainmentFraction === null
    ? ""
    : ` (${formatPercent(fleet.sloAttainmentFraction)} of requests meet their SLO)`;
}

function poolTable(run: RunSummary): Table {
  const encodes = run.fleet.encode !== undefined;
  const prefills = run.fleet.disaggregation !== undefined;
  const titles = [
    "Pool",
    "accelerator",
    "replicas",
    "requests",
    ...(encodes ? ["encoded"] : []),
    ...(prefills ? ["prefilled"] : []),
    "utilisation",
    "prefix hit",
    "TTFT p90",
    "TPOT p90",
    "preempted",
  ];
  return {
    columns: titles.map((title, i) => ({ title, align: i < 2 ? "left" : "right" })),
    rows: run.pools.map((pool: PoolSummary) => [
      pool.name,
      pool.accelerator,
      formatCount(pool.replicas),
      formatCount(pool.requests.total),
      ...(encodes ? [formatCount(pool.encodedForOthers ?? 0)] : []),
      ...(prefills ? [formatCount(pool.prefilledForOthers ?? 0)] : []),
      orDash(pool.utilisationFraction, formatPercent),
      orDash(pool.prefixHitFraction, formatPercent),
      orDash(pool.latency.ttft.p90Seconds, formatSeconds),
      orDash(pool.latency.tpot.p90Seconds, formatSeconds),
      formatCount(pool.preemptions),
    ]),
  };
}

function classTable(run: RunSummary): Table {
  const titles = ["Class", "requests", "SLO met", "TTFT p50", "TTFT p99", "TPOT p50", "TPOT p99"];
  return {
    columns: titles.map((title, i) => ({ title, align: i === 0 ? "left" : "right" })),
    rows: run.classes.map(({ name, requests, sloAttainmentFraction, latency: { ttft, tpot } }) => [
      name,
      formatCount(requests.total),
      orDash(sloAttainmentFraction, formatPercent),
      ...[ttft.p50Seconds, ttft.p99Seconds, tpot.p50Seconds, tpot.p99Seconds].map((s) => orDash(s, formatSeconds)),
    ]),
  };
}

/** US dollars, to the tenth of a cent below one. */
export const dollars = (value: number) => `$${value < 1 ? value.toFixed(3) : value.toFixed(2)}`;

/** A value that may be missing; the reason is in the summary's `missing`. */
export function orDash(value: number | null, format: (value: number) => string): string {
  return value === null ? "–" : format(value);
}
