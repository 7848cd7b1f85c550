import type { TraceRows } from "../trace-rows.ts";
import { nameBlocks } from "./blocks.ts";
import { hasKeys, type TraceFormat } from "./format.ts";
import { type JsonRecord, parseRecord } from "./json-record.ts";

const BLOCK_TOKENS = 64;
const US_PER_SECOND = 1e6;

/** semianalysisai/cc-traces-weka: a coding agent's session a record, sub-agents nested. */
export const weka: TraceFormat = {
  name: "weka",
  summary: "Weka agent sessions: one JSON object a session, each request released by the one before it",
  columns: {
    id: "checked only",
    block_size: "tokens of a block",
    hash_id_scope: "local = block ids belong to this session alone",
    requests:
      "one row each: in, out, hash_ids, t of the first, think_time as the delay of the next; sub-agents in their place",
  },
  matches: (head) => hasKeys(head, "requests") && (hasKeys(head, "block_size") || hasKeys(head, "models")),
  open(rows, _head, _file, options) {
    let sessions = 0;
    return {
      read(at) {
        const record = parseRecord(at);
        if (record.has("id")) record.name("id");
        const ownBlocks = record.has("block_size") ? record.tokens("block_size") : BLOCK_TOKENS;
        if (ownBlocks === 0) throw record.bad("block_size", "1 or more");
        const local = record.has("hash_id_scope") && record.text("hash_id_scope") === "local";
        sessions++;
        readSession(rows, record, options.blockSizeTokens ?? ownBlocks, local ? sessions : 0);
      },
    };
  },
};

function readSession(rows: TraceRows, session: JsonRecord, blockSizeTokens: number, scope: number): void {
  let before = -1;
  const readAll = (requests: readonly JsonRecord[]): void => {
    for (const request of requests) {
      if (request.has("requests")) {
        readAll(request.objects("requests"));
        continue;
      }
      before = readRequest(rows, request, before, blockSizeTokens, scope);
    }
  };
  readAll(session.objects("requests"));
}

function readRequest(
  rows: TraceRows,
  request: JsonRecord,
  before: number,
  blockSizeTokens: number,
  scope: number,
): number {
  const promptTokens = request.tokens("in");
  const outputTokens = request.tokens("out");
  const row =
    before < 0
      ? rows.add(request.decimal("t") * US_PER_SECOND, promptTokens, outputTokens)
      : rows.addReleased(before, request.optionalDecimal("think_time") * US_PER_SECOND, promptTokens, outputTokens);
  if (request.has("model")) rows.setClass(request.text("model"));
  if (request.has("hash_ids")) nameBlocks(rows, request, "hash_ids", promptTokens, blockSizeTokens, scope);
  return row;
}
