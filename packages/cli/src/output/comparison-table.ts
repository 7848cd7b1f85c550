import type { FleetSummary, RunSummary } from "@windtunnel/sim-core";
import { formatChange, formatCount, formatNumber, formatPercent, formatSeconds } from "./numbers.ts";
import { dollars, orDash } from "./summary-tables.ts";
import type { Cell, Table } from "./table.ts";

interface Row {
  readonly title: string;
  /** Absent where neither way is better. */
  readonly better?: "lower" | "higher";
  readonly value: (fleet: FleetSummary) => number | null;
  readonly format: (value: number) => string;
}

const seconds = (title: string, value: Row["value"]): Row => ({ title, better: "lower", value, format: formatSeconds });
const more = (title: string, value: Row["value"], format: Row["format"]): Row => ({
  title,
  better: "higher",
  value,
  format,
});

const ROWS: readonly Row[] = [
  seconds("TTFT p50", (f) => f.latency.ttft.p50Seconds),
  seconds("TTFT p90", (f) => f.latency.ttft.p90Seconds),
  seconds("TTFT p99", (f) => f.latency.ttft.p99Seconds),
  seconds("TPOT p50", (f) => f.latency.tpot.p50Seconds),
  seconds("TPOT p90", (f) => f.latency.tpot.p90Seconds),
  seconds("TPOT p99", (f) => f.latency.tpot.p99Seconds),
  seconds("E2E p50", (f) => f.latency.e2e.p50Seconds),
  seconds("E2E p90", (f) => f.latency.e2e.p90Seconds),
  seconds("E2E p99", (f) => f.latency.e2e.p99Seconds),
  more("Goodput, req/s", (f) => f.goodputRequestsPerSecond, formatNumber),
  more("SLO met", (f) => f.sloAttainmentFraction, formatPercent),
  more("Output tok/s", (f) => f.outputTokensPerSecond, formatNumber),
  more("Prefix hit", (f) => f.prefixHitFraction, formatPercent),
  { title: "Utilisation", value: (f) => f.utilisationFraction, format: formatPercent },
  { title: "Cost per 1M tokens", better: "lower", value: (f) => f.costPerMillionTokensUsd, format: dollars },
  {
    title: "Not completed",
    better: "lower",
    value: (f) => f.requests.total - f.requests.completed,
    format: formatCount,
  },
  { title: "Preemptions", better: "lower", value: (f) => f.preemptions, format: formatCount },
];

/** Runs of one scenario side by side: the best value of each row is marked; the last column compares last to first. */
export function comparisonTable(runs: readonly RunSummary[]): Table {
  const first = runs[0]!;
  const last = runs.at(-1)!;
  return {
    title: `Side by side (* best; difference: ${shortPolicy(last.policy)} against ${shortPolicy(first.policy)})`,
    columns: [
      { title: "" },
      ...runs.map((run) => ({ title: `${shortPolicy(run.policy)}  `, align: "right" as const })),
      { title: "difference", align: "right" },
    ],
    rows: ROWS.map((row) => comparisonRow(row, runs)),
  };
}

/** The last part of a file's path: the whole of it stands above each run. */
function shortPolicy(policy: string): string {
  return policy.slice(policy.lastIndexOf("/") + 1);
}

function comparisonRow(row: Row, runs: readonly RunSummary[]): Cell[] {
  const values = runs.map((run) => row.value(run.fleet));
  const texts = values.map((value) => orDash(value, row.format));
  const known = values.filter((value) => value !== null);
  const best = row.better === "lower" ? Math.min(...known) : Math.max(...known);
  const bestText = texts[values.indexOf(best)];
  // What prints alike is alike: a tie has no best.
  const tie = texts.every((text) => text === bestText);
  const cells = texts.map((text): Cell => {
    return row.better && !tie && text === bestText ? { text: `${text} *`, tone: "good" } : `${text}  `;
  });
  const from = values[0] ?? null;
  const to = values.at(-1) ?? null;
  if (from === null || to === null) return [row.title, ...cells, ""];
  const change = tie ? "same" : changeText(row, from, to);
  if (change === "same" || !row.better) return [row.title, ...cells, { text: change, tone: "dim" }];
  const improved = row.better === "lower" ? to < from : to > from;
  return [row.title, ...cells, { text: change, tone: improved ? "good" : "bad" }];
}

/** Fractions differ by points, everything else by a share of the first. */
function changeText(row: Row, from: number, to: number): string {
  if (row.format !== formatPercent) return formatChange(from, to);
  const points = (to - from) * 100;
  return `${points < 0 ? "-" : "+"}${Math.abs(points).toFixed(1)} pts`;
}
