import { Pieces } from "./pieces.ts";

/** What is wrong with the bytes of a call. */
export type FramingFault =
  | { readonly kind: "compressed"; readonly flag: number }
  | { readonly kind: "too-large"; readonly lengthBytes: number };

const PREFIX_BYTES = 5;

/**
 * Cuts the bytes of a call into messages (gRPC's length-prefixed framing: one byte of flags, four of length,
 * big-endian). A message that came in one piece is handed on as it lies; the pieces of one that did not are joined once.
 */
export class MessageCutter {
  readonly #maxMessageBytes: number;
  readonly #message: (bytes: Buffer) => boolean;
  readonly #pieces = new Pieces();
  /** Prefix and content of the message being gathered; −1 until its prefix is complete. */
  #wanted = -1;

  /** @param message takes one message; false stops the cutting. */
  constructor(maxMessageBytes: number, message: (bytes: Buffer) => boolean) {
    this.#maxMessageBytes = maxMessageBytes;
    this.#message = message;
  }

  /** Whether a message has begun and is not complete. */
  get partial(): boolean {
    return this.#pieces.bytes > 0;
  }

  /** Takes what came in; gives what was wrong with it. */
  push(chunk: Buffer): FramingFault | undefined {
    return this.#pieces.bytes === 0 ? this.#cut(chunk) : this.#gather(chunk);
  }

  /** Drops what was gathered. */
  clear(): void {
    this.#pieces.clear();
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
    if (at < chunk.length) this.#pieces.add(at === 0 ? chunk : chunk.subarray(at));
    return undefined;
  }

  #gather(chunk: Buffer): FramingFault | undefined {
    if (this.#wanted < 0) {
      // A prefix in several pieces is rare and short: join and begin anew.
      this.#pieces.add(chunk);
      return this.#cut(this.#pieces.take());
    }
    const missing = this.#wanted - this.#pieces.bytes;
    const rest = chunk.length > missing ? chunk.subarray(missing) : undefined;
    this.#pieces.add(rest === undefined ? chunk : chunk.subarray(0, missing));
    if (this.#pieces.bytes < this.#wanted) return undefined;
    this.#wanted = -1;
    const message = this.#pieces.take().subarray(PREFIX_BYTES);
    return this.#message(message) && rest !== undefined ? this.#cut(rest) : undefined;
  }
}
