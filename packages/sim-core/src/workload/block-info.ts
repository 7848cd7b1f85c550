import { ChainIndex } from "./chain-index.ts";
import { GrowingInt32 } from "./growing-column.ts";
import { type Distribution, distribution } from "./summary-statistics.ts";
import type { TraceTable } from "./trace-rows.ts";

const MOST_SHARED = 5;

/** How prompts share blocks. Tokens that the file gives no id are in no count here. */
export interface BlockInfo {
  readonly block_size_tokens: number;
  readonly blocks_per_request: Distribution;
  /** Requests whose number of ids is the ceiling, the floor of prompt / block size; one may be both. */
  readonly hash_len_check: { readonly eq_ceil: number; readonly eq_floor: number; readonly other: number };
  readonly unique_blocks: number;
  readonly total_block_refs: number;
  readonly repeat_block_refs: number;
  readonly repeat_ref_ratio: number;
  readonly unique_blocks_in_more_than_one_request: number;
  readonly duplicate_ids_within_a_request: number;
  readonly most_shared_blocks: readonly { readonly id: number; readonly requests: number; readonly frac: number }[];
  /** References to an id under another prefix than its first. */
  readonly prefix_chain_violations: number;
}

/** @param table with segments */
export function blockInfo(table: TraceTable): BlockInfo {
  const { offsets, ids } = table.segments!;
  const hashIds = table.hashIds!;
  const numbers = new ChainIndex();
  const firstBlock = new GrowingInt32();
  const lastRow = new GrowingInt32();
  const requests = new GrowingInt32();
  const perRequest = new Float64Array(table.count);
  let violations = 0;
  let duplicates = 0;
  for (let row = 0; row < table.count; row++) {
    for (let entry = offsets[row]!; entry < offsets[row + 1]!; entry++) {
      const block = ids[entry]!;
      const hashId = hashIds[block]!;
      if (hashId < 0) continue;
      perRequest[row]!++;
      const number = numbers.numberOf(-1, hashId);
      if (number === requests.length) {
        firstBlock.push(block);
        lastRow.push(-1);
        requests.push(0);
      }
      if (firstBlock.at(number) !== block) violations++;
      if (lastRow.at(number) === row) duplicates++;
      else requests.set(number, requests.at(number) + 1);
      lastRow.set(number, row);
    }
  }
  const total = perRequest.reduce((sum, blocks) => sum + blocks, 0);
  const unique = requests.length;
  return {
    block_size_tokens: table.blockSizeTokens ?? 0,
    blocks_per_request: distribution(perRequest),
    hash_len_check: hashLengthCheck(table, perRequest),
    unique_blocks: unique,
    total_block_refs: total,
    repeat_block_refs: total - unique,
    repeat_ref_ratio: total === 0 ? 0 : (total - unique) / total,
    unique_blocks_in_more_than_one_request: requests.toArray().filter((count) => count > 1).length,
    duplicate_ids_within_a_request: duplicates,
    most_shared_blocks: mostShared(numbers.hashIds(), requests.toArray(), table.count),
    prefix_chain_violations: violations,
  };
}

function hashLengthCheck(table: TraceTable, perRequest: Float64Array): BlockInfo["hash_len_check"] {
  const { promptTokens, blockSizeTokens } = table;
  const check = { eq_ceil: 0, eq_floor: 0, other: 0 };
  if (blockSizeTokens === undefined) return check;
  perRequest.forEach((blocks, row) => {
    const isCeil = blocks === Math.ceil(promptTokens[row]! / blockSizeTokens);
    const isFloor = blocks === Math.floor(promptTokens[row]! / blockSizeTokens);
    if (isCeil) check.eq_ceil++;
    if (isFloor) check.eq_floor++;
    if (!isCeil && !isFloor) check.other++;
  });
  return check;
}

/** By requests, then by id. */
function mostShared(ids: Float64Array, requests: Int32Array, rows: number): BlockInfo["most_shared_blocks"] {
  const best: { id: number; requests: number; frac: number }[] = [];
  requests.forEach((count, number) => {
    const id = ids[number]!;
    const last = best[MOST_SHARED - 1];
    if (last !== undefined && (count < last.requests || (count === last.requests && id > last.id))) return;
    best.push({ id, requests: count, frac: count / rows });
    best.sort((a, b) => b.requests - a.requests || a.id - b.id);
    best.length = Math.min(best.length, MOST_SHARED);
  });
  return best;
}
