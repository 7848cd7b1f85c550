/** What is wrong with the bytes of a call. */
export type FramingFault =
  | { readonly kind: "compressed"; readonly flag: number }
  | { readonly kind: "too-large"; readonly lengthBytes: number };

/** Pieces are joined when this many have gathered, so that a peer's one-byte frames do not cost a hundred bytes each. */
const MERGE_PIECES = 256;
const PREFIX_BYTES = 5;

/**
 * Cuts the bytes of a call into messages (gRPC's length-prefixed framing: one byte of flags, four of length,
 * big-endian). A message that came in one piece is handed on as it lies; the pieces of one that did not are joined once.
 */
export class MessageCutter {
  readonly #maxMessageBytes: number;
  readonly #message: (bytes: Buffer) => boolean;
  #pieces: Buffer[] = [];
  /** Pieces before this one are merged already. */
  #loose = 0;
  #gathered = 0;
  /** Prefix and content of the message being gathered; −1 until its prefix is complete. */
  #wanted = -1;

  /** @param message takes one message; false stops the cutting. */
  constructor(maxMessageBytes: number, message: (bytes: Buffer) => boolean) {
    this.#maxMessageBytes = maxMessageBytes;
    this.#message = message;
  }

  /** Whether a message has begun and is not complete. */
  get partial(): boolean {
    return this.#gathered > 0;
  }

  /** Takes what came in; gives what was wrong with it. */
  push(chunk: Buffer): FramingFault | undefined {
    return this.#gathered === 0 ? this.#cut(chunk) : this.#gather(chunk);
  }

  /** Drops what was gathered. */
  clear(): void {
    this.#pieces = [];
    this.#loose = 0;
    this.#gathered = 0;
    this.#wanted = -1;
  }

  #cut(chunk: Buffer): FramingFault | undefined {
    let at = 0;
    while (chunk.length - at >= PREFIX_BYTES) {
      const flag = chunk[at]!;
      if (flag !== 0) return { kind: "compressed", flag };
      const lengthBytes = chunk.readUInt32BE(at + 1);
      if (lengthBytes > this.#maxMessageBytes) return { kind: "too-large", lengthBytes };
      const end = at + PREFIX_BYTES + lengthBytes;
      if (end > chunk.length) {
        this.#wanted = PREFIX_BYTES + lengthBytes;
        break;
      }
      if (!this.#message(chunk.subarray(at + PREFIX_BYTES, end))) return undefined;
      at = end;
    }
    if (at < chunk.length) this.#keep(at === 0 ? chunk : chunk.subarray(at));
    return undefined;
  }

  #gather(chunk: Buffer): FramingFault | undefined {
    if (this.#wanted < 0) {
      // A prefix in several pieces is rare and short: join and begin anew.
      const joined = Buffer.concat([...this.#pieces, chunk]);
      this.clear();
      return this.#cut(joined);
    }
    const missing = this.#wanted - this.#gathered;
    if (chunk.length < missing) {
      this.#keep(chunk);
      return undefined;
    }
    const rest = chunk.length > missing ? chunk.subarray(missing) : undefined;
    this.#pieces.push(rest === undefined ? chunk : chunk.subarray(0, missing));
    const joined = Buffer.concat(this.#pieces, this.#wanted);
    this.clear();
    if (!this.#message(joined.subarray(PREFIX_BYTES)) || rest === undefined) return undefined;
    return this.#cut(rest);
  }

  #keep(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#gathered += piece.length;
    if (this.#pieces.length - this.#loose < MERGE_PIECES) return;
    const merged = Buffer.concat(this.#pieces.slice(this.#loose));
    this.#pieces.length = this.#loose;
    this.#pieces.push(merged);
    this.#loose += 1;
  }
}
