import { nameBlocks } from "./blocks.ts";
import { hasKeys, type TraceFormat } from "./format.ts";
import { parseRecord } from "./json-record.ts";

const BLOCK_TOKENS = 16;
const US_PER_SECOND = 1e6;

/** LLMServingSim's ShareGPT workload with its token ids re-encoded as chained ids of full 16-token blocks. */
export const blockIds16: TraceFormat = {
  name: "block-ids-16",
  summary: "JSONL of arrival seconds, input and output tokens, chained ids of full 16-token blocks",
  columns: {
    id: "not used",
    arrival_s: "arrival (s)",
    input_tokens: "prompt tokens",
    dataset_input_tokens: "not used (tokens before the chat template)",
    output_tokens: "output tokens",
    hash_ids_16: "prompt blocks",
  },
  matches: (head) => hasKeys(head, "arrival_s", "input_tokens", "output_tokens"),
  open: (rows) => ({
    read(at) {
      const record = parseRecord(at);
      const promptTokens = record.tokens("input_tokens");
      rows.add(record.decimal("arrival_s") * US_PER_SECOND, promptTokens, record.tokens("output_tokens"));
      if (record.has("hash_ids_16")) nameBlocks(rows, record, "hash_ids_16", promptTokens, BLOCK_TOKENS);
    },
  }),
};
