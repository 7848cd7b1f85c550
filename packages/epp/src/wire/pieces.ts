import { bufferOf } from "./buffer-of.ts";

/** Pieces are joined when this many have gathered: a body of one-byte pieces would cost a hundred bytes each. */
const MERGE_PIECES = 256;

/** Gathers bytes that come in pieces. */
export class Pieces {
  bytes = 0;
  #pieces: Uint8Array[] = [];
  /** Pieces before this one are merged already. */
  #loose = 0;

  /** Keeps the piece itself, not a copy. */
  add(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.bytes += piece.length;
    if (this.#pieces.length - this.#loose < MERGE_PIECES) return;
    this.#pieces.push(Buffer.concat(this.#pieces.splice(this.#loose)));
    this.#loose += 1;
  }

  /** All bytes in one; none are left. A single piece is given as it is. */
  take(): Buffer {
    const taken = this.#pieces.length === 1 ? bufferOf(this.#pieces[0]!) : Buffer.concat(this.#pieces, this.bytes);
    this.clear();
    return taken;
  }

  clear(): void {
    this.#pieces = [];
    this.#loose = 0;
    this.bytes = 0;
  }
}
