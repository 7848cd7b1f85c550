import type { TraceRows } from "../trace-rows.ts";
import { CONTENT_BLOCK_TOKENS, ContentBlocks } from "./content-blocks.ts";
import { CHARACTERS_PER_TOKEN, ESTIMATE_NOTE, estimatedTokens } from "./estimated-tokens.ts";
import { hasKeys, type TraceFormat } from "./format.ts";
import { parseRecord } from "./json-record.ts";

const BLOCK_CHARACTERS = CONTENT_BLOCK_TOKENS * CHARACTERS_PER_TOKEN;
/** `--custom-output-len` of `vllm bench serve`. */
const CUSTOM_OUTPUT_TOKENS = 256;

/** ShareGPT as `vllm bench serve --dataset-name sharegpt` uses it: the first two turns of each conversation. */
export const shareGpt: TraceFormat = {
  name: "sharegpt",
  summary: "ShareGPT JSON: the first two turns of a conversation are prompt and answer; tokens are estimated",
  columns: { id: "not used", conversations: "first turn = prompt, second = answer (tokens estimated)" },
  matches: (head) => hasKeys(head, "conversations"),
  open(rows) {
    const contents = new ContentBlocks();
    rows.note(ESTIMATE_NOTE);
    return {
      read(at) {
        const turns = parseRecord(at).objects("conversations");
        if (turns.length < 2) return rows.skip("conversation of fewer than two turns");
        addText(rows, contents, turns[0]!.text("value"), estimatedTokens(turns[1]!.text("value")));
      },
    };
  },
};

/** `vllm bench serve --dataset-name custom`. */
export const vllmCustom: TraceFormat = {
  name: "vllm-custom",
  summary: "vLLM bench custom JSONL: a prompt a line; tokens are estimated",
  columns: {
    prompt: "prompt (tokens estimated)",
    output_tokens: `output tokens (${CUSTOM_OUTPUT_TOKENS} where absent)`,
  },
  matches: (head) => hasKeys(head, "prompt"),
  open(rows) {
    const contents = new ContentBlocks();
    rows.note(ESTIMATE_NOTE);
    return {
      read(at) {
        const record = parseRecord(at);
        const given = record.has("output_tokens");
        if (!given) rows.note(`rows without output_tokens have ${CUSTOM_OUTPUT_TOKENS}, vLLM's --custom-output-len`);
        const outputTokens = given ? record.tokens("output_tokens") : CUSTOM_OUTPUT_TOKENS;
        addText(rows, contents, record.text("prompt"), outputTokens);
      },
    };
  },
};

function addText(rows: TraceRows, contents: ContentBlocks, prompt: string, outputTokens: number): void {
  const promptTokens = estimatedTokens(prompt);
  rows.add(Number.NaN, promptTokens, outputTokens);
  contents.name(rows, Math.floor(promptTokens / CONTENT_BLOCK_TOKENS), (block) =>
    prompt.slice(block * BLOCK_CHARACTERS, (block + 1) * BLOCK_CHARACTERS),
  );
}
