import type { TraceInfo } from "@windtunnel/sim-core";
import { formatCount, formatNumber, formatPercent, formatSeconds } from "./numbers.ts";
import type { Table } from "./table.ts";

/** What a trace holds, for people; `-o json` has every field. */
export function traceInfoTables(info: TraceInfo): Table[] {
  return [factsTable(info), lengthTable(info), ...cacheTables(info), mappingTable(info)];
}

function factsTable(info: TraceInfo): Table {
  const { arrivals, arrivals_jittered: jittered } = info;
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
  if (jittered) {
    rows.push(["Gap CV, jittered", `${formatNumber(jittered.interarrival.cv)} (1 = Poisson)`]);
    rows.push(["Peak in 1 s, jittered", `${formatNumber(jittered.window_1s.peak_rate_rps)} req/s`]);
  }
  if (info.block_size_tokens !== undefined && info.repeat_ref_ratio !== undefined) {
    // A format that writes segments of any length has no block size.
    const size = info.block_size_tokens === 0 ? "any number of tokens" : `${info.block_size_tokens} tokens`;
    rows.push(["Blocks", `${formatCount(info.unique_blocks ?? 0)} of ${size}`]);
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

/** What caches would hit, in prompt tokens, with service in no time: the trace's own reuse, without an engine. */
function cacheTables({ lru_single_cache: single, pods }: TraceInfo): Table[] {
  if (!single || !pods) return [];
  const right = (title: string) => ({ title, align: "right" as const });
  const policies = [...new Set(pods.map(({ policy }) => policy))];
  const fleets = new Map<string, (typeof pods)[number][]>();
  for (const entry of pods) {
    const key = `${entry.pods}/${entry.cap_blocks_per_pod}`;
    fleets.set(key, [...(fleets.get(key) ?? []), entry]);
  }
  return [
    {
      title: "One LRU cache: prompt tokens found",
      columns: [right("blocks"), right("tokens"), right("hit")],
      rows: single.root_last.map(({ cap_blocks, cap_tokens, token_hit_ratio }) => [
        formatCount(cap_blocks),
        formatCount(cap_tokens),
        formatPercent(token_hit_ratio),
      ]),
    },
    {
      title: "Pods with an LRU cache each: prompt tokens found, by where requests are sent",
      columns: [right("pods"), right("blocks each"), ...policies.map((policy) => right(POD_POLICY_WORDS[policy]))],
      rows: [...fleets.values()].map((fleet) => [
        formatCount(fleet[0]!.pods),
        fleet[0]!.cap_blocks_per_pod === null ? "unlimited" : formatCount(fleet[0]!.cap_blocks_per_pod),
        ...fleet.map(({ token_hit_ratio }) => formatPercent(token_hit_ratio)),
      ]),
    },
  ];
}

const POD_POLICY_WORDS: Readonly<Record<NonNullable<TraceInfo["pods"]>[number]["policy"], string>> = {
  rr: "round-robin",
  hash0: "hash of block 1",
  hash1: "hash of block 2",
  greedy: "longest prefix",
  "greedy_thr0.3": "prefix ≥ 30 %",
  "greedy_thr0.8": "prefix ≥ 80 %",
};

function mappingTable(info: TraceInfo): Table {
  return {
    columns: [{ title: "Column" }, { title: "used for" }],
    rows: info.mapping.map((use) => Object.values(use).map(String)),
  };
}
