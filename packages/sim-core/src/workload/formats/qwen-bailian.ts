import { nameBlocks } from "./blocks.ts";
import { hasKeys, type TraceFormat } from "./format.ts";
import { parseRecord } from "./json-record.ts";

const BLOCK_TOKENS = 16;
const US_PER_SECOND = 1e6;

/** alibaba-edu/qwen-bailian-usagetraces-anon: two hours of a cloud service; times are kept as recorded. */
export const qwenBailian: TraceFormat = {
  name: "qwen-bailian",
  summary: "Qwen-Bailian JSONL: seconds, lengths, request type, chat turns, chained ids of 16-token blocks",
  columns: {
    chat_id: "checked only",
    parent_chat_id: "checked only (what turns share is in hash_ids)",
    timestamp: "arrival (s)",
    input_length: "prompt tokens",
    output_length: "output tokens",
    type: "class",
    turn: "checked only",
    hash_ids: "prompt blocks",
  },
  matches: (head) => hasKeys(head, "chat_id", "input_length", "output_length"),
  open: (rows, _head, _file, options) => ({
    read(at) {
      const record = parseRecord(at);
      record.name("chat_id");
      if (record.has("parent_chat_id")) record.name("parent_chat_id");
      if (record.has("turn")) record.tokens("turn");
      const promptTokens = record.tokens("input_length");
      rows.add(record.decimal("timestamp") * US_PER_SECOND, promptTokens, record.tokens("output_length"));
      if (record.has("type")) rows.setClass(record.text("type"));
      if (record.has("hash_ids")) {
        nameBlocks(rows, record, "hash_ids", promptTokens, options.blockSizeTokens ?? BLOCK_TOKENS);
      }
    },
  }),
};
