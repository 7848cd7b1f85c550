const UNSIGNED = 0;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;
const NULL = 0xf6;

/** Writes the few kinds of canonical CBOR that block keys are made of (RFC 8949, 4.2.1) into one growing buffer. */
export class CborWriter {
  bytes = Buffer.alloc(512);
  length = 0;

  reset(): void {
    this.length = 0;
  }

  /** An unsigned number of 64 bits by its halves. */
  unsigned64(lo: number, hi: number): void {
    if (hi === 0) {
      this.#head(UNSIGNED, lo >>> 0);
      return;
    }
    this.#room(9);
    this.bytes[this.length] = 0x1b;
    this.bytes.writeInt32BE(hi, this.length + 1);
    this.bytes.writeInt32BE(lo, this.length + 5);
    this.length += 9;
  }

  text(value: string): void {
    const length = Buffer.byteLength(value);
    this.#head(TEXT, length);
    this.#room(length);
    this.length += this.bytes.write(value, this.length, "utf8");
  }

  array(items: number): void {
    this.#head(ARRAY, items);
  }

  map(pairs: number): void {
    this.#head(MAP, pairs);
  }

  null(): void {
    this.#room(1);
    this.bytes[this.length++] = NULL;
  }

  /** An array of unsigned 32-bit numbers. */
  unsignedArray(words: Int32Array, from: number, to: number): void {
    this.#head(ARRAY, to - from);
    this.#room(5 * (to - from));
    let at = this.length;
    for (let i = from; i < to; i++) at = put(this.bytes, at, UNSIGNED, words[i]! >>> 0);
    this.length = at;
  }

  #head(major: number, value: number): void {
    this.#room(5);
    this.length = put(this.bytes, this.length, major << 5, value);
  }

  #room(bytes: number): void {
    if (this.length + bytes <= this.bytes.length) return;
    const grown = Buffer.alloc(2 * (this.length + bytes));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }
}

/** Writes the shortest head that holds the value; gives where it ends. */
function put(bytes: Uint8Array, at: number, kind: number, value: number): number {
  if (value < 24) {
    bytes[at] = kind | value;
    return at + 1;
  }
  if (value < 0x100) {
    bytes[at] = kind | 24;
    bytes[at + 1] = value;
    return at + 2;
  }
  if (value < 0x10000) {
    bytes[at] = kind | 25;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value;
    return at + 3;
  }
  bytes[at] = kind | 26;
  bytes[at + 1] = value >>> 24;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 8;
  bytes[at + 4] = value;
  return at + 5;
}
