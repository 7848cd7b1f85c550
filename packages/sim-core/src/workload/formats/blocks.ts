import type { TraceRows } from "../trace-rows.ts";
import type { JsonRecord } from "./json-record.ts";

/** Block sizes that traces of this kind come with, tried when the stated one does not fit. */
const USUAL_BLOCK_TOKENS = [16, 32, 64, 128, 256, 512, 1024];

/** Names the last row's blocks by the ids under `key`. @throws TraceError when their number does not fit the prompt */
export function nameBlocks(
  rows: TraceRows,
  record: JsonRecord,
  key: string,
  promptTokens: number,
  blockSizeTokens: number,
  scope = 0,
): void {
  const ids = record.hashIds(key);
  if (rows.nameBlocks(ids, blockSizeTokens, scope)) return;
  const allowed = Math.ceil(promptTokens / blockSizeTokens);
  const fits = USUAL_BLOCK_TOKENS.find((size) => Math.ceil(promptTokens / size) === ids.length);
  const hint = fits === undefined ? "" : ` (blocks of ${fits} tokens would fit)`;
  throw record.bad(
    key,
    `${allowed} ids for ${promptTokens} tokens in blocks of ${blockSizeTokens}, not ${ids.length}${hint}`,
  );
}
