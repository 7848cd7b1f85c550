import { CsvRow } from "./csv.ts";
import { hasHeader, type TraceFormat } from "./format.ts";

const US_PER_SECOND = 1e6;
const REQUIRED = ["Request tokens", "Response tokens"];

/** HPMLL/BurstGPT v1 and later; a response of no tokens is a failed request. */
export const burstgpt: TraceFormat = {
  name: "burstgpt",
  summary: "BurstGPT CSV v1 and v2: seconds, model, request and response tokens; failures are counted and left out",
  columns: {
    Timestamp: "arrival (s)",
    "Timestamp(s)": "arrival (s)",
    Model: "class",
    "Request tokens": "prompt tokens",
    "Response tokens": "output tokens (0 = failed: left out)",
  },
  matches: (head) => hasHeader(head, ...REQUIRED),
  open(rows, head, file) {
    const time = hasHeader(head, "Timestamp(s)") ? "Timestamp(s)" : "Timestamp";
    const row = new CsvRow(file, head, [time, ...REQUIRED]);
    return {
      read(at) {
        row.load(at);
        const arrivalUs = row.decimal(time) * US_PER_SECOND;
        const promptTokens = row.tokens("Request tokens");
        const outputTokens = row.tokens("Response tokens");
        if (outputTokens === 0) return rows.skip("failed request (Response tokens is 0)");
        rows.add(arrivalUs, promptTokens, outputTokens);
        if (row.has("Model")) rows.setClass(row.text("Model"));
      },
    };
  },
};
