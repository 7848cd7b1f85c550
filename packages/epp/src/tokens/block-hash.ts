import { CborWriter } from "./cbor-writer.ts";
import { Fnv64 } from "./fnv64.ts";
import { HashMemory } from "./hash-memory.ts";

/** One of the precise index's hash algorithms; the last result is in `lo` and `hi`. */
export interface BlockHash {
  readonly lo: number;
  readonly hi: number;
  /** The parent of a prompt's first block. */
  root(seed: string, model: string): void;
  /** A block of `tokens[from]` to before `tokens[to]` after the block with the given key. */
  block(lo: number, hi: number, tokens: Int32Array, from: number, to: number, extras: readonly string[]): void;
}

/** FNV-64a over canonical CBOR of [parent, tokens, extras or null], extras being maps of one `Hash`. */
export class CborFnvHash implements BlockHash {
  readonly #cbor = new CborWriter();
  readonly #fnv = new Fnv64();

  get lo(): number {
    return this.#fnv.lo;
  }

  get hi(): number {
    return this.#fnv.hi;
  }

  root(seed: string, model: string): void {
    const bytes = Buffer.from(seed);
    this.#fnv.reset();
    this.#fnv.bytes(bytes, bytes.length);
    const { lo, hi } = this.#fnv;
    this.#open(lo, hi);
    this.#cbor.null();
    this.#cbor.text(model);
    this.#close();
  }

  block(lo: number, hi: number, tokens: Int32Array, from: number, to: number, extras: readonly string[]): void {
    const cbor = this.#cbor;
    this.#open(lo, hi);
    cbor.unsignedArray(tokens, from, to);
    if (extras.length === 0) cbor.null();
    else cbor.array(extras.length);
    for (const extra of extras) {
      cbor.map(1);
      cbor.text("Hash");
      cbor.text(extra);
    }
    this.#close();
  }

  #open(lo: number, hi: number): void {
    this.#cbor.reset();
    this.#cbor.array(3);
    this.#cbor.unsigned64(lo, hi);
  }

  #close(): void {
    this.#fnv.reset();
    this.#fnv.bytes(this.#cbor.bytes, this.#cbor.length);
  }
}

/** xxh64 over LE64(parent) ‖ LE32 of each token ‖ LE64(length) ‖ bytes of each extra. */
export class Xxh64BlockHash implements BlockHash {
  readonly #memory = new HashMemory();

  get lo(): number {
    return this.#memory.lo;
  }

  get hi(): number {
    return this.#memory.hi;
  }

  root(seed: string, model: string): void {
    this.#memory.hashText(seed);
    const { lo, hi } = this.#memory;
    this.block(lo, hi, new Int32Array(0), 0, 0, [model]);
  }

  block(lo: number, hi: number, tokens: Int32Array, from: number, to: number, extras: readonly string[]): void {
    const tokenBytes = 8 + 4 * (to - from);
    let length = tokenBytes;
    for (const extra of extras) length += 8 + Buffer.byteLength(extra);
    const room = this.#memory.room(length);
    const words = this.#memory.words(tokenBytes);
    words[0] = lo;
    words[1] = hi;
    for (let i = from; i < to; i++) words[2 + i - from] = tokens[i]!;
    let at = tokenBytes;
    for (const extra of extras) {
      const bytes = room.write(extra, at + 8, "utf8");
      room.writeUInt32LE(bytes, at);
      room.writeUInt32LE(0, at + 4);
      at += 8 + bytes;
    }
    this.#memory.hash(length);
  }
}
