import type { BlockKeys } from "../framework/block-keys.ts";
import type { InferenceRequest } from "../framework/request.ts";
import { grown } from "./block-table.ts";

/** Words of a part in `PromptBlocks.parts`. */
export const PART_RUN = 0;
export const PART_OFFSET = 1;
export const PART_LENGTH = 2;
export const PART_WORDS = 3;

/**
 * A request's block keys, and what an index found for them. Kept and refilled by a producer, so that requests allocate
 * nothing: the keys of a single prompt are the host's own arrays, those of several are copied together.
 */
export class PromptBlocks {
  hi: Int32Array;
  lo: Int32Array;
  #ownHi = new Int32Array(256);
  #ownLo = new Int32Array(256);
  /** An index's own id of each block as of its last look-up, -1 where it has none. */
  ids = new Int32Array(256);
  /**
   * Parts of the prompts that lie in one run of an index's keys: at the words of its first block, each part has its
   * run, the offset there, and its length in blocks.
   */
  parts = new Int32Array(257 * PART_WORDS);
  /** Blocks of all prompts together. */
  length = 0;
  /** Where each prompt ends; prompt p spans `ends[p - 1] ?? 0` to `ends[p]`. */
  readonly ends: number[] = [];
  /** State of the index for which `ids` or `parts` holds. */
  version = -1;
  #request: InferenceRequest | undefined;

  constructor() {
    this.hi = this.#ownHi;
    this.lo = this.#ownLo;
  }

  setPart(block: number, run: number, offset: number, length: number): void {
    const at = block * PART_WORDS;
    this.parts[at] = run;
    this.parts[at + PART_OFFSET] = offset;
    this.parts[at + PART_LENGTH] = length;
  }

  /** Whether the blocks are those of the request. */
  isOf(request: InferenceRequest): boolean {
    return this.#request === request;
  }

  /** Takes the keys of all prompts of a request, at most `maxBlocks` of each. */
  fill(request: InferenceRequest, blockSizeTokens: number, withPartialBlock: boolean, maxBlocks: number): void {
    this.#request = request;
    this.length = 0;
    this.version = -1;
    const { ends } = this;
    if (request.promptCount === 1 && request.promptTokens > 0) {
      const { hi, lo, length } = request.promptKeys(blockSizeTokens, withPartialBlock, 0);
      this.hi = hi;
      this.lo = lo;
      this.length = length < maxBlocks ? length : maxBlocks;
      if (this.length > this.ids.length) this.#grow(this.length);
      // Setting a length costs more than all else here, even when it does not change.
      if (ends.length !== 1) ends.length = 1;
      ends[0] = this.length;
      return;
    }
    ends.length = 0;
    if (request.promptTokens <= 0) return;
    this.hi = this.#ownHi;
    this.lo = this.#ownLo;
    for (let prompt = 0; prompt < request.promptCount; prompt++) {
      this.#append(request.promptKeys(blockSizeTokens, withPartialBlock, prompt), maxBlocks);
    }
  }

  #append(keys: BlockKeys, maxBlocks: number): void {
    const from = this.length;
    const count = Math.min(keys.length, maxBlocks);
    if (from + count > this.#ownHi.length) {
      const length = Math.max(2 * this.#ownHi.length, from + count);
      this.hi = this.#ownHi = grown(this.#ownHi, length);
      this.lo = this.#ownLo = grown(this.#ownLo, length);
    }
    if (from + count > this.ids.length) this.#grow(from + count);
    for (let i = 0; i < count; i++) {
      this.hi[from + i] = keys.hi[i]!;
      this.lo[from + i] = keys.lo[i]!;
    }
    this.length = from + count;
    this.ends.push(this.length);
  }

  #grow(atLeast: number): void {
    const length = Math.max(2 * this.ids.length, atLeast);
    this.ids = grown(this.ids, length);
    this.parts = grown(this.parts, (length + 1) * PART_WORDS);
  }
}
