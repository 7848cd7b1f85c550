import type { TraceRows } from "../trace-rows.ts";
import { nameBlocks } from "./blocks.ts";
import { ESTIMATE_NOTE, estimatedTokens } from "./estimated-tokens.ts";
import { type FormatOptions, hasKeys, type RecordReader, type TraceFormat } from "./format.ts";
import { type JsonRecord, parseRecord } from "./json-record.ts";

const BLOCK_TOKENS = 512;
const US_PER_MS = 1000;

/** Mooncake's published traces (kvcache-ai/Mooncake, FAST25-release) and AIPerf's `mooncake_trace` extension of them. */
export const mooncake: TraceFormat = {
  name: "mooncake",
  summary: "Mooncake and AIPerf JSONL: milliseconds, lengths, chained ids of 512-token blocks, optional sessions",
  columns: {
    timestamp: "arrival (ms)",
    input_length: "prompt tokens",
    text_input: "prompt tokens where input_length is absent (estimated)",
    output_length: "output tokens",
    hash_ids: "prompt blocks",
    session_id: "session; a row with delay follows the session's row before",
    delay: "think time after the session's row before (ms)",
  },
  matches: (head) => hasKeys(head, "output_length") && (hasKeys(head, "input_length") || hasKeys(head, "text_input")),
  open: (rows, _head, _file, options) => mooncakeReader(rows, options),
};

function mooncakeReader(rows: TraceRows, options: FormatOptions): RecordReader {
  const lastRowOf = new Map<string, number>();
  const blockSizeTokens = options.blockSizeTokens ?? BLOCK_TOKENS;
  return {
    read(at) {
      const record = parseRecord(at);
      const promptTokens = promptTokensOf(rows, record);
      const outputTokens = record.tokens("output_length");
      const session = record.has("session_id") ? record.name("session_id") : undefined;
      const before = session === undefined ? undefined : lastRowOf.get(session);
      const follows = before !== undefined && record.has("delay") && !record.has("timestamp");
      const row = follows
        ? rows.addReleased(before, record.decimal("delay") * US_PER_MS, promptTokens, outputTokens)
        : rows.add(record.decimal("timestamp") * US_PER_MS, promptTokens, outputTokens);
      if (session !== undefined) lastRowOf.set(session, row);
      if (record.has("hash_ids")) nameBlocks(rows, record, "hash_ids", promptTokens, blockSizeTokens);
    },
  };
}

function promptTokensOf(rows: TraceRows, record: JsonRecord): number {
  if (record.has("input_length") || !record.has("text_input")) return record.tokens("input_length");
  rows.note(ESTIMATE_NOTE);
  return estimatedTokens(record.text("text_input"));
}
