/**
 * Requests that were loaded up to their last token and compute it in the step in hand, which makes them part of its decode
 * batch.
 */
export class LoadedSingles {
  readonly #slots: Int32Array;
  /** How many chunks were given before each. */
  readonly #chunksBefore: Int32Array;
  count = 0;
  contextTokens = 0;

  constructor(capacity: number) {
    this.#slots = new Int32Array(capacity);
    this.#chunksBefore = new Int32Array(capacity);
  }

  add(slot: number, numTokens: number, chunksBefore: number): void {
    if (this.count === 0) this.contextTokens = 0;
    this.#slots[this.count] = slot;
    this.#chunksBefore[this.count++] = chunksBefore;
    this.contextTokens += numTokens;
  }

  slotAt(index: number): number {
    return this.#slots[index]!;
  }

  /** Of those from the `from`-th on, where those that were admitted before chunk `chunk` end. */
  endOfBefore(chunk: number, from: number): number {
    let at = from;
    while (at < this.count && this.#chunksBefore[at]! <= chunk) at++;
    return at;
  }
}
