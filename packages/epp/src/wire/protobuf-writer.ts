const FRAME_PREFIX_BYTES = 5;
/** Up to this length a loop is faster than a call into the engine's native code. */
const SHORT_BYTES = 40;

/**
 * Writes one protobuf message from its last byte to its first: the length of a nested message is known when its
 * content is written, so one pass does, and nothing is sized twice. Fields and elements come in reverse.
 */
export class ProtobufWriter {
  #bytes: Buffer;
  #start: number;

  /** @param expectedBytes how long the message may become; it grows when it was too little. */
  constructor(expectedBytes: number) {
    this.#bytes = Buffer.allocUnsafe(expectedBytes + FRAME_PREFIX_BYTES);
    this.#start = this.#bytes.length;
  }

  /** Where the writer stands: pass it to `message` to close what was written after. */
  get mark(): number {
    return this.#bytes.length - this.#start;
  }

  /** Closes a nested message whose content was written since `mark`. */
  message(tag: number, mark: number): void {
    this.#varint(this.mark - mark);
    this.#varint(tag);
  }

  uint32(tag: number, value: number): void {
    this.#varint(value);
    this.#varint(tag);
  }

  double(tag: number, value: number): void {
    this.#reserve(8);
    this.#start -= 8;
    this.#bytes.writeDoubleLE(value, this.#start);
    this.#varint(tag);
  }

  bytes(tag: number, value: Uint8Array): void {
    const length = value.length;
    this.#reserve(length);
    const start = this.#start - length;
    const bytes = this.#bytes;
    if (length > SHORT_BYTES) bytes.set(value, start);
    else for (let index = 0; index < length; index += 1) bytes[start + index] = value[index]!;
    this.#start = start;
    this.#varint(length);
    this.#varint(tag);
  }

  string(tag: number, value: string): void {
    const length = this.#shortAscii(value) ? value.length : this.#utf8(value);
    this.#varint(length);
    this.#varint(tag);
  }

  /** Whether it was short ASCII, and is written. */
  #shortAscii(value: string): boolean {
    const length = value.length;
    if (length > SHORT_BYTES) return false;
    this.#reserve(length);
    const start = this.#start - length;
    const bytes = this.#bytes;
    for (let index = 0; index < length; index += 1) {
      const unit = value.charCodeAt(index);
      if (unit > 0x7f) return false;
      bytes[start + index] = unit;
    }
    this.#start = start;
    return true;
  }

  #utf8(value: string): number {
    const length = Buffer.byteLength(value, "utf8");
    this.#reserve(length);
    this.#start -= length;
    this.#bytes.write(value, this.#start, length, "utf8");
    return length;
  }

  finish(): Buffer {
    return this.#bytes.subarray(this.#start);
  }

  /** The message behind the prefix of gRPC: a flag for "not compressed" and the length. */
  finishFrame(): Buffer {
    const length = this.mark;
    this.#reserve(FRAME_PREFIX_BYTES);
    this.#start -= FRAME_PREFIX_BYTES;
    this.#bytes[this.#start] = 0;
    this.#bytes.writeUInt32BE(length, this.#start + 1);
    return this.#bytes.subarray(this.#start);
  }

  #varint(value: number): void {
    this.#reserve(5);
    const bytes = this.#bytes;
    if (value < 0x80) {
      bytes[--this.#start] = value;
      return;
    }
    let length = 2;
    for (let rest = value >>> 14; rest > 0; rest >>>= 7) length += 1;
    let at = this.#start - length;
    this.#start = at;
    let rest = value;
    for (; rest > 0x7f; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
    bytes[at] = rest;
  }

  /** Grows at the front, so that what is written stays at the end. */
  #reserve(length: number): void {
    if (length <= this.#start) return;
    const written = this.#bytes.length - this.#start;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, written + length + 64));
    const start = grown.length - written;
    this.#bytes.copy(grown, start, this.#start);
    this.#bytes = grown;
    this.#start = start;
  }
}
