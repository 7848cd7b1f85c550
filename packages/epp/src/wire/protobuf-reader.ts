import { bufferOf } from "./buffer-of.ts";

/** Bytes that are not the protobuf message that they should be. */
export class WireError extends Error {
  override readonly name = "WireError";
}

/** Groups are skipped to this depth; nothing that is read here nests them. */
const MAX_GROUP_DEPTH = 16;

/**
 * A cursor over one protobuf message. Byte fields are views into the message, not copies.
 *
 * Source of the encoding: https://protobuf.dev/programming-guides/encoding.
 */
export class ProtobufReader {
  readonly #bytes: Buffer;
  #position = 0;
  #end: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bufferOf(bytes);
    this.#end = bytes.length;
  }

  /** Whether the present message has more fields. */
  get more(): boolean {
    return this.#position < this.#end;
  }

  /** Field number times eight plus wire type. */
  tag(): number {
    const tag = this.varint();
    if (tag < 8 || tag > 0xffffffff) throw this.#error(`a field tag of ${tag}`);
    return tag;
  }

  bool(): boolean {
    return this.varint() !== 0;
  }

  /** Exact up to 2^53; beyond that only "large" is sure, which no caller needs more of. */
  varint(): number {
    const bytes = this.#bytes;
    let value = 0;
    let scale = 1;
    for (let index = 0; index < 10; index += 1) {
      if (this.#position >= this.#end) throw this.#error("a number cut short");
      const byte = bytes[this.#position++]!;
      if (byte < 0x80) return value + byte * scale;
      value += (byte - 0x80) * scale;
      scale *= 0x80;
    }
    throw this.#error("a number of more than ten bytes");
  }

  double(): number {
    const at = this.#advance(8);
    return this.#bytes.readDoubleLE(at);
  }

  bytes(): Buffer {
    const length = this.varint();
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  string(): string {
    const length = this.varint();
    const at = this.#advance(length);
    return this.#bytes.toString("utf8", at, at + length);
  }

  /** Steps into a nested message; the answer goes to `leave`. */
  enter(): number {
    const length = this.varint();
    if (length > this.#end - this.#position) throw this.#error(`a length of ${length}`);
    const outer = this.#end;
    this.#end = this.#position + length;
    return outer;
  }

  leave(outer: number): void {
    this.#end = outer;
  }

  /** Skips the value of a field that is not known. */
  skip(tag: number, depth = 0): void {
    switch (tag & 7) {
      case 0:
        this.varint();
        return;
      case 1:
        this.#advance(8);
        return;
      case 2:
        this.#advance(this.varint());
        return;
      case 3:
        this.#skipGroup(tag, depth);
        return;
      case 5:
        this.#advance(4);
        return;
      default:
        throw this.#error(`wire type ${tag & 7}`);
    }
  }

  #skipGroup(open: number, depth: number): void {
    if (depth >= MAX_GROUP_DEPTH) throw this.#error("groups nested too deep");
    for (;;) {
      const tag = this.tag();
      if (tag === open + 1) return;
      this.skip(tag, depth + 1);
    }
  }

  /** Where the next `length` bytes begin; steps over them. */
  #advance(length: number): number {
    const at = this.#position;
    if (length > this.#end - at) throw this.#error(`a length of ${length}`);
    this.#position = at + length;
    return at;
  }

  #error(found: string): WireError {
    return new WireError(
      `byte ${this.#position} of ${this.#bytes.length}: ${found}, ${this.#end - this.#position} bytes remain`,
    );
  }
}
