import { CsvRow } from "./csv.ts";
import { hasHeader, type TraceFormat } from "./format.ts";

const US_PER_SECOND = 1e6;
const REQUIRED = ["arrival_timestamp", "prompt_size", "token_size"];

/** Mutinifni/splitwise-sim request traces. */
export const splitwiseSim: TraceFormat = {
  name: "splitwise-sim",
  summary: "splitwise-sim CSV: arrival seconds, prompt size, token size, application",
  columns: {
    application_id: "class",
    arrival_timestamp: "arrival (s)",
    prompt_size: "prompt tokens",
    token_size: "output tokens",
  },
  matches: (head) => hasHeader(head, ...REQUIRED),
  open(rows, head, file) {
    const row = new CsvRow(file, head, REQUIRED);
    return {
      read(at) {
        row.load(at);
        const arrivalUs = row.decimal("arrival_timestamp") * US_PER_SECOND;
        rows.add(arrivalUs, row.tokens("prompt_size"), row.tokens("token_size"));
        if (row.has("application_id")) rows.setClass(`application ${row.text("application_id")}`);
      },
    };
  },
};
