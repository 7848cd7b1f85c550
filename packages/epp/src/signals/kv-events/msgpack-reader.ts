/** Bytes that are no MessagePack, or nested deeper than any event is. */
export class MsgpackError extends Error {
  override readonly name = "MsgpackError";
}

const MAX_DEPTH = 8;

/**
 * Reads MessagePack from a peer that is not trusted: lists grow as their elements come, so that no length that the peer
 * claims is ever allocated. 64-bit integers are bigints, extensions are undefined, binary values are views.
 */
export class MsgpackReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** @throws MsgpackError */
  value(depth = 0): unknown {
    if (this.#at >= this.#bytes.length) throw this.#endsHere();
    const code = this.#bytes[this.#at++]!;
    if (code < 0x80) return code;
    if (code >= 0xe0) return code - 0x100;
    if (code < 0x90) return this.#map(code & 0x0f, depth);
    if (code < 0xa0) return this.#array(code & 0x0f, depth);
    if (code < 0xc0) return this.#text(code & 0x1f);
    switch (code) {
      case 0xc0:
        return null;
      case 0xc2:
      case 0xc3:
        return code === 0xc3;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#take(this.#uint(1 << (code - 0xc4)));
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return this.#extension(this.#uint(1 << (code - 0xc7)));
      case 0xca:
        return this.#bytes.readFloatBE(this.#skip(4));
      case 0xcb:
        return this.#bytes.readDoubleBE(this.#skip(8));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#uint(1 << (code - 0xcc));
      case 0xcf:
        return this.#bytes.readBigUInt64BE(this.#skip(8));
      case 0xd0:
      case 0xd1:
      case 0xd2:
        return this.#int(1 << (code - 0xd0));
      case 0xd3:
        return this.#bytes.readBigInt64BE(this.#skip(8));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#uint(1 << (code - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#uint(code === 0xdc ? 2 : 4), depth);
      case 0xde:
      case 0xdf:
        return this.#map(this.#uint(code === 0xde ? 2 : 4), depth);
      default:
        if (code >= 0xd4 && code <= 0xd8) return this.#extension(1 << (code - 0xd4));
        throw new MsgpackError(`byte 0x${code.toString(16)} at ${this.#at - 1}`);
    }
  }

  #array(length: number, depth: number): unknown[] {
    if (depth >= MAX_DEPTH) throw new MsgpackError(`nested deeper than ${MAX_DEPTH}`);
    const list: unknown[] = [];
    for (let i = 0; i < length; i++) list.push(this.value(depth + 1));
    return list;
  }

  #map(length: number, depth: number): Map<unknown, unknown> {
    if (depth >= MAX_DEPTH) throw new MsgpackError(`nested deeper than ${MAX_DEPTH}`);
    const map = new Map<unknown, unknown>();
    for (let i = 0; i < length; i++) {
      const key = this.value(depth + 1);
      map.set(key, this.value(depth + 1));
    }
    return map;
  }

  #text(length: number): string {
    const from = this.#skip(length);
    return this.#bytes.toString("utf8", from, from + length);
  }

  #take(length: number): Buffer {
    const from = this.#skip(length);
    return this.#bytes.subarray(from, from + length);
  }

  #extension(length: number): undefined {
    this.#skip(length + 1);
    return undefined;
  }

  #uint(bytes: number): number {
    const from = this.#skip(bytes);
    let value = 0;
    for (let i = from; i < from + bytes; i++) value = value * 256 + this.#bytes[i]!;
    return value;
  }

  #int(bytes: number): number {
    return this.#bytes.readIntBE(this.#skip(bytes), bytes);
  }

  #skip(bytes: number): number {
    const from = this.#at;
    if (from + bytes > this.#bytes.length) throw this.#endsHere();
    this.#at = from + bytes;
    return from;
  }

  #endsHere(): MsgpackError {
    return new MsgpackError(`ends at byte ${this.#bytes.length}`);
  }
}
