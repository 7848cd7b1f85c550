import type { BlockKeys } from "@windtunnel/router-policies";
import { BYTES_PER_TOKEN } from "./estimate.ts";
import type { HashMemory } from "./hash-memory.ts";

/**
 * Keys of the approximate index for the first `length` bytes of the memory's room, four bytes a token: block id =
 * xxh64(tokens), key = xxh64(LE64(id) ‖ LE64(previous)), where the first block follows xxh64(model ‖ cacheSalt); the
 * last, partly filled block has a key too (llm-d-router, `prefixhash/hashing.go`).
 */
export function approxKeys(
  memory: HashMemory,
  length: number,
  blockSizeTokens: number,
  seed: { readonly lo: number; readonly hi: number },
  keys: BlockKeys,
): void {
  keys.length = memory.chain(length, BYTES_PER_TOKEN * blockSizeTokens, seed.lo, seed.hi, keys.lo, keys.hi);
}

/** What the first block of a prompt follows. */
export function approxSeed(memory: HashMemory, model: string, cacheSalt: string): { lo: number; hi: number } {
  memory.hashText(model + cacheSalt);
  return { lo: memory.lo, hi: memory.hi };
}
