import { createXxh64, type Xxh64 } from "./xxh64.ts";

const PAGE_BYTES = 65_536;
/** 8 bytes of a hash, then 16 of a link of the chain. */
const OUT = 0;
const LINK = 16;
const FIRST_FREE = 64;
/** A memory that has grown beyond this is replaced after use: it cannot shrink. */
const KEPT_BYTES = 32 * 1024 * 1024;

/** XXH64 over bytes that the caller writes into its scratch memory: no copies, no BigInt. */
export class HashMemory {
  #xxh64: Xxh64 = createXxh64();
  #bytes: Buffer;
  #words: Int32Array;

  constructor() {
    this.#bytes = Buffer.from(this.#xxh64.memory.buffer);
    this.#words = new Int32Array(this.#xxh64.memory.buffer);
  }

  /** Low and high half of the last hash. */
  get lo(): number {
    return this.#words[OUT >> 2]!;
  }

  get hi(): number {
    return this.#words[(OUT >> 2) + 1]!;
  }

  /** Room for that many bytes, aligned to 8; whatever was there before is gone, and so is earlier room. */
  room(bytes: number): Buffer {
    this.#reserve(FIRST_FREE + bytes);
    return this.#bytes.subarray(FIRST_FREE, FIRST_FREE + bytes);
  }

  /** Hashes the first bytes of the room; the result is in `lo` and `hi`. */
  hash(length: number): void {
    this.#xxh64.hash(FIRST_FREE, length, OUT);
  }

  /** The first bytes of the room as 32-bit words. */
  words(length: number): Int32Array {
    return this.#words.subarray(FIRST_FREE >> 2, (FIRST_FREE + length) >> 2);
  }

  /** Hashes UTF-8 text. */
  hashText(text: string): void {
    const room = this.room(3 * text.length);
    this.hash(room.write(text, "utf8"));
  }

  /**
   * Chains the blocks of the first `length` bytes of the room, the last maybe partial, from the seed in `lo` and `hi`:
   * hash(LE64(hash(block)) ‖ LE64(previous)). Writes the keys and gives their number.
   */
  chain(length: number, blockBytes: number, seedLo: number, seedHi: number, lo: Int32Array, hi: Int32Array): number {
    const blocks = Math.ceil(length / blockBytes);
    const keysAt = (FIRST_FREE + length + 7) & ~7;
    this.#reserve(keysAt + 8 * blocks);
    this.#words[(LINK >> 2) + 2] = seedLo;
    this.#words[(LINK >> 2) + 3] = seedHi;
    this.#xxh64.chain(FIRST_FREE, length, blockBytes, LINK, keysAt, keysAt + 4 * blocks);
    const from = keysAt >> 2;
    lo.set(this.#words.subarray(from, from + blocks));
    hi.set(this.#words.subarray(from + blocks, from + 2 * blocks));
    return blocks;
  }

  /** Gives memory back after an unusually long prompt. */
  trim(): void {
    if (this.#bytes.length <= KEPT_BYTES) return;
    this.#xxh64 = createXxh64();
    this.#view();
  }

  /** Grows, keeping what is there. */
  #reserve(bytes: number): void {
    const missing = bytes - this.#bytes.length;
    if (missing <= 0) return;
    this.#xxh64.memory.grow(Math.ceil(missing / PAGE_BYTES));
    this.#view();
  }

  #view(): void {
    this.#bytes = Buffer.from(this.#xxh64.memory.buffer);
    this.#words = new Int32Array(this.#xxh64.memory.buffer);
  }
}
