import { createTraceReader, type TraceReaderOptions } from "../../../src/workload/trace-reader.ts";
import type { TraceTable } from "../../../src/workload/trace-rows.ts";

/** The table of a trace text, handed over in pieces of `chunk` characters. */
export function readText(text: string, options: Partial<TraceReaderOptions> = {}, chunk = 7): TraceTable {
  const reader = createTraceReader({ file: "t", ...options });
  for (let at = 0; at < text.length; at += chunk) reader.push(text.slice(at, at + chunk));
  return reader.end();
}

/** Lines of JSON, with an end after the last. */
export function jsonl(...records: object[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join("");
}
