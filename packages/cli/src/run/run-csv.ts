import { appendFileSync, writeFileSync } from "node:fs";
import { stringify } from "csv-stringify/sync";
import { csv } from "../output/csv.ts";
import type { RequestFacts } from "../output/request-timeline.ts";
import { requestFacts } from "../output/request-timeline.ts";
import type { Run } from "./run.ts";

/** Rows turned into text at a time: a million requests do not fit in one string. */
const CHUNK_ROWS = 20_000;

const REQUEST_COLUMNS = [
  "row",
  "class",
  "outcome",
  "replica",
  "promptTokens",
  "outputTokens",
  "cachedTokens",
  "preemptions",
  "arrivalSeconds",
  "scheduledSeconds",
  "firstTokenSeconds",
  "finishSeconds",
  "queueTimeSeconds",
  "ttftSeconds",
  "tpotSeconds",
  "e2eSeconds",
] as const;

/** Only of a fleet with tiers below HBM. */
const TIER_COLUMNS = ["loadedFrom", "loadedBytes", "loadStartSeconds", "loadEndSeconds"] as const;

/** Only of a fleet that serves LoRA adapters. */
const ADAPTER_COLUMNS = ["adapter", "passedOverSeconds", "adapterLoadSeconds"] as const;

/** Only of a workload with images, audio or video, on a fleet whose pods may encode for one another. */
const ENCODE_COLUMNS = [
  "items",
  "encodeReplica",
  "encodeScheduledSeconds",
  "encodeFinishSeconds",
  "embeddingsStartSeconds",
  "embeddingsEndSeconds",
  "embeddingsBytes",
] as const;

/** Only of a fleet whose pods may prefill for one another. */
const DISAGGREGATION_COLUMNS = [
  "prefillReplica",
  "prefillFinishSeconds",
  "transferStartSeconds",
  "transferEndSeconds",
  "transferredBytes",
  "decodeCachedTokens",
  "decodeScheduledSeconds",
  "prefillFailures",
  "holdTimeouts",
] as const;

/** One line per request, empty where a thing never happened. */
export function writeRequestsCsv(path: string, { input, result }: Run): void {
  const columns = [
    ...REQUEST_COLUMNS,
    ...(result.requests.tiers ? TIER_COLUMNS : []),
    ...(result.requests.lora ? ADAPTER_COLUMNS : []),
    ...(result.requests.encode ? ENCODE_COLUMNS : []),
    ...(result.requests.disaggregation ? DISAGGREGATION_COLUMNS : []),
  ];
  writeFileSync(path, csv(columns, []));
  const { classOf, classes } = input.workload;
  const { count } = result.requests;
  for (let start = 0; start < count; start += CHUNK_ROWS) {
    const rows: (string | number | null)[][] = [];
    for (let row = start; row < Math.min(count, start + CHUNK_ROWS); row++) {
      const facts = requestFacts(result, row);
      const name = classes?.[classOf?.[row] ?? 0]?.name ?? null;
      rows.push(columns.map((column) => (column === "class" ? name : (facts[column as keyof RequestFacts] ?? null))));
    }
    appendFileSync(path, stringify(rows, { cast: { number: String } }));
  }
}

/** One line per sample and replica. */
export function writeSeriesCsv(path: string, { result }: Run): void {
  const { series, replicas } = result;
  writeFileSync(path, csv(["timeSeconds", "replica", "running", "waiting", "kvUsageFraction"], []));
  if (!series) return;
  const samplesPerChunk = Math.max(1, Math.floor(CHUNK_ROWS / Math.max(1, series.replicas)));
  for (let start = 0; start < series.samples; start += samplesPerChunk) {
    const rows: (string | number)[][] = [];
    for (let s = start; s < Math.min(series.samples, start + samplesPerChunk); s++) {
      for (let r = 0; r < series.replicas; r++) {
        const at = s * series.replicas + r;
        const values = [series.running[at]!, series.waiting[at]!, series.kvUsageFraction[at]!];
        rows.push([(s * series.intervalUs) / 1e6, replicas[r]?.name ?? String(r), ...values]);
      }
    }
    appendFileSync(path, stringify(rows, { cast: { number: String } }));
  }
}
