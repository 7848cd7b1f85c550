/**
 * Blocks that decoding requests need, step by step, without touching them one by one: a request whose computed tokens
 * fill its blocks needs a new one for its next token, so a histogram of (computed tokens - decode step) modulo the
 * block size answers for any number of steps.
 */
export class BlockGrowth {
  readonly #blockSizeTokens: number;
  readonly #histogram: Int32Array;
  /** Block size less one where it is a power of two, as in every engine we know of; 0 otherwise, and for one. */
  readonly #mask: number;
  #requests = 0;

  constructor(blockSizeTokens: number) {
    this.#blockSizeTokens = blockSizeTokens;
    this.#histogram = new Int32Array(blockSizeTokens);
    this.#mask = (blockSizeTokens & (blockSizeTokens - 1)) === 0 ? blockSizeTokens - 1 : 0;
  }

  clear(): void {
    this.#histogram.fill(0);
    this.#requests = 0;
  }

  /** @param offset computed tokens less the decode-step count at the same moment */
  add(offset: number): void {
    this.#histogram[this.#bin(offset)]!++;
    this.#requests++;
  }

  remove(offset: number): void {
    this.#histogram[this.#bin(offset)]!--;
    this.#requests--;
  }

  /** Blocks needed by the decode step that follows `stepsDone` steps. */
  blocksAt(stepsDone: number): number {
    return this.#histogram[this.#binBefore(stepsDone)]!;
  }

  /** Blocks needed by the `steps` decode steps that follow `stepsDone` steps. */
  blocksOver(stepsDone: number, steps: number): number {
    const size = this.#blockSizeTokens;
    const cycles = Math.floor(steps / size);
    let blocks = cycles * this.#requests;
    let bin = this.#binBefore(stepsDone);
    for (let left = steps - cycles * size; left > 0; left--) {
      blocks += this.#histogram[bin]!;
      bin = bin === 0 ? size - 1 : bin - 1;
    }
    return blocks;
  }

  /** Most steps, up to `atMost`, whose blocks do not exceed `freeBlocks`. */
  stepsWithin(stepsDone: number, atMost: number, freeBlocks: number): number {
    // At most one block a request and block size: nearly always enough, without counting.
    if ((Math.floor(atMost / this.#blockSizeTokens) + 1) * this.#requests <= freeBlocks) return atMost;
    if (this.blocksOver(stepsDone, atMost) <= freeBlocks) return atMost;
    let low = 0;
    let high = atMost;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.blocksOver(stepsDone, middle) <= freeBlocks) low = middle;
      else high = middle;
    }
    return low;
  }

  /** Bin of `-stepsDone`; never computed as a negation, whose zero would be a float. */
  #binBefore(stepsDone: number): number {
    const bin = this.#bin(stepsDone);
    return bin === 0 ? 0 : this.#blockSizeTokens - bin;
  }

  #bin(value: number): number {
    // In two's complement the low bits of a negative number are its remainder too.
    if (this.#mask > 0) return value & this.#mask;
    const size = this.#blockSizeTokens;
    const rest = value % size;
    return rest < 0 ? rest + size : rest;
  }
}
