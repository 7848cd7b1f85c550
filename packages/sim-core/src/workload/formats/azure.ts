import { CsvRow } from "./csv.ts";
import { hasHeader, type TraceFormat } from "./format.ts";
import { type Instant, parseInstant } from "./instant.ts";

/** Azure/AzurePublicDataset: LLM inference traces of 2023 and 2024, and the multimodal one of 2025. */
export const azure: TraceFormat = {
  name: "azure",
  summary: "Azure LLM 2023, 2024 and LMM 2025 CSV: date and time, context tokens, generated tokens",
  columns: { TIMESTAMP: "arrival (date and time)", ContextTokens: "prompt tokens", GeneratedTokens: "output tokens" },
  matches: (head) => hasHeader(head, "TIMESTAMP", "ContextTokens", "GeneratedTokens"),
  open(rows, head, file) {
    const row = new CsvRow(file, head, ["TIMESTAMP", "ContextTokens", "GeneratedTokens"]);
    // Seconds since 1970 leave a double no room for the seventh digit: times count from the first row.
    let origin: Instant | undefined;
    return {
      read(at) {
        row.load(at);
        const instant = parseInstant(row.text("TIMESTAMP"));
        if (instant === undefined) {
          throw row.bad(
            "TIMESTAMP",
            "a date and time such as 2023-11-16 18:17:03.9799600, with Z or +00:00 or neither",
          );
        }
        origin ??= instant;
        const arrivalUs = (instant.seconds - origin.seconds) * 1e6 + (instant.fractionUs - origin.fractionUs);
        rows.add(arrivalUs, row.tokens("ContextTokens"), row.tokens("GeneratedTokens"));
      },
    };
  },
};
