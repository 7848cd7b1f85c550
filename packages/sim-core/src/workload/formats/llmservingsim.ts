import type { TraceRows } from "../trace-rows.ts";
import { CONTENT_BLOCK_TOKENS, ContentBlocks } from "./content-blocks.ts";
import { hasKeys, type TraceFormat } from "./format.ts";
import { type JsonRecord, parseRecord } from "./json-record.ts";

const NS_PER_US = 1000;

/** casys-kaist/LLMServingSim workloads: a request a line, or an agent session a line; one file may hold both. */
export const llmservingsim: TraceFormat = {
  name: "llmservingsim",
  summary: "LLMServingSim JSONL: nanoseconds, lengths, optional token ids; or agent sessions of sub-requests",
  columns: {
    input_toks: "prompt tokens",
    output_toks: "output tokens",
    arrival_time_ns: "arrival (ns)",
    input_tok_ids: "prompt blocks (equal contents of 16 tokens)",
    session_id: "checked only",
    sub_requests: "one row each; tool_duration_ns is the delay before the next",
  },
  matches: (head) => hasKeys(head, "input_toks", "output_toks") || hasKeys(head, "sub_requests"),
  open(rows) {
    const contents = new ContentBlocks();
    return {
      read(at) {
        const record = parseRecord(at);
        const arrivalUs = record.decimal("arrival_time_ns") / NS_PER_US;
        if (record.has("sub_requests")) readSession(rows, record, arrivalUs, contents);
        else readCall(rows, record, contents, (prompt, output) => rows.add(arrivalUs, prompt, output));
      },
    };
  },
};

function readSession(rows: TraceRows, session: JsonRecord, arrivalUs: number, contents: ContentBlocks): void {
  if (session.has("session_id")) session.name("session_id");
  let before = -1;
  let delayUs = 0;
  for (const call of session.objects("sub_requests")) {
    readCall(rows, call, contents, (prompt, output) => {
      before = before < 0 ? rows.add(arrivalUs, prompt, output) : rows.addReleased(before, delayUs, prompt, output);
    });
    delayUs = call.optionalDecimal("tool_duration_ns") / NS_PER_US;
  }
}

function readCall(
  rows: TraceRows,
  call: JsonRecord,
  contents: ContentBlocks,
  add: (promptTokens: number, outputTokens: number) => void,
): void {
  const promptTokens = call.tokens("input_toks");
  const tokenIds = call.has("input_tok_ids") ? call.hashIds("input_tok_ids") : undefined;
  if (tokenIds !== undefined && tokenIds.length !== promptTokens) {
    throw call.bad("input_tok_ids", `${promptTokens} ids, as input_toks says, not ${tokenIds.length}`);
  }
  add(promptTokens, call.tokens("output_toks"));
  if (tokenIds === undefined) return;
  contents.name(rows, Math.floor(promptTokens / CONTENT_BLOCK_TOKENS), (block) =>
    tokenIds.slice(block * CONTENT_BLOCK_TOKENS, (block + 1) * CONTENT_BLOCK_TOKENS).join(),
  );
}
