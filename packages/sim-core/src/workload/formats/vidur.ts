import { CsvRow } from "./csv.ts";
import { hasHeader, type TraceFormat } from "./format.ts";

const US_PER_SECOND = 1e6;
const LENGTHS = ["num_prefill_tokens", "num_decode_tokens"];

/** microsoft/vidur `data/processed_traces`: with arrivals, or lengths only. */
export const vidur: TraceFormat = {
  name: "vidur",
  summary: "Vidur CSV: prefill and decode tokens, with arrival seconds or without",
  columns: {
    arrived_at: "arrival (s)",
    num_prefill_tokens: "prompt tokens",
    num_decode_tokens: "output tokens",
  },
  matches: (head) => hasHeader(head, ...LENGTHS),
  open(rows, head, file) {
    const row = new CsvRow(file, head, LENGTHS);
    return {
      read(at) {
        row.load(at);
        const arrivalUs = row.has("arrived_at") ? row.decimal("arrived_at") * US_PER_SECOND : Number.NaN;
        rows.add(arrivalUs, row.tokens("num_prefill_tokens"), row.tokens("num_decode_tokens"));
      },
    };
  },
};
