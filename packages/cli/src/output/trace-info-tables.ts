import type { TraceInfo } from "@windtunnel/sim-core";
import { formatCount, formatNumber, formatPercent, formatSeconds } from "./numbers.ts";
import type { Table } from "./table.ts";

/** What a trace holds, for people; `-o json` has every field. */
export function traceInfoTables(info: TraceInfo): Table[] {
  return [factsTable(info), lengthTable(info), mappingTable(info)];
}

function factsTable(info: TraceInfo): Table {
  const { arrivals } = info;
  const rows = [
    ["Trace", info.file],
    ["Format", info.format],
    ["Rows", formatCount(info.rows)],
    ...Object.entries(info.skipped).map(([reason, rows]) => ["Left out", `${formatCount(rows)}: ${reason}`]),
  ];
  if (arrivals) {
    rows.push(
      ["Span", formatSeconds(arrivals.span_s)],
      ["Mean rate", `${formatNumber(arrivals.mean_rate_n_over_span)} req/s`],
      ["Gap CV", `${formatNumber(arrivals.interarrival.cv)} (1 = Poisson)`],
      ["Gaps of zero", formatPercent(arrivals.interarrival.frac_zero)],
    );
  }
  if (info.block_size_tokens !== undefined && info.repeat_ref_ratio !== undefined) {
    rows.push(["Blocks", `${formatCount(info.unique_blocks ?? 0)} of ${info.block_size_tokens} tokens`]);
    rows.push(["Blocks seen before", `${formatPercent(info.repeat_ref_ratio)} of block references`]);
  }
  const full = info.infinite_cache_full_blocks_only;
  if (full)
    rows.push(["Hit by an infinite cache", `${formatPercent(full.token_hit_ratio)} of prompt tokens (full blocks)`]);
  for (const note of info.notes) rows.push(["Note", note]);
  return { columns: [{ title: "" }, { title: "" }], rows };
}

function lengthTable(info: TraceInfo): Table {
  const row = (title: string, d: TraceInfo["input_tokens"]) => [
    title,
    ...[d.mean, d.p50, d.p90, d.p99, d.max].map((value) => formatNumber(value)),
  ];
  return {
    columns: ["Tokens", "mean", "p50", "p90", "p99", "max"].map((title, i) => ({
      title,
      align: i === 0 ? "left" : "right",
    })),
    rows: [row("prompt", info.input_tokens), row("output", info.output_tokens)],
  };
}

function mappingTable(info: TraceInfo): Table {
  return {
    columns: [{ title: "Column" }, { title: "used for" }],
    rows: info.mapping.map((use) => Object.values(use).map(String)),
  };
}
