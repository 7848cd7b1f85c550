/** A list of runs of blocks: blocks `from` to `to` (not included) of a segment, in the words of `PromptStreams`. */
export class BlockRuns {
  /** segment, from, to per run. */
  #fields = new Int32Array(12);
  length = 0;
  blocks = 0;

  clear(): void {
    this.length = 0;
    this.blocks = 0;
  }

  push(segment: number, from: number, to: number): void {
    if (3 * this.length === this.#fields.length) {
      const grown = new Int32Array(2 * this.#fields.length);
      grown.set(this.#fields);
      this.#fields = grown;
    }
    const at = 3 * this.length++;
    this.#fields[at] = segment;
    this.#fields[at + 1] = from;
    this.#fields[at + 2] = to;
    this.blocks += to - from;
  }

  /** The same, but as part of the last run where it comes right before that. */
  pushBefore(segment: number, from: number, to: number): void {
    const last = this.length - 1;
    if (last < 0 || this.segment(last) !== segment || this.from(last) !== to) {
      this.push(segment, from, to);
      return;
    }
    this.#fields[3 * last + 1] = from;
    this.blocks += to - from;
  }

  /** Turns the order of the runs around. */
  reverse(): void {
    const fields = this.#fields;
    for (let a = 0, b = 3 * (this.length - 1); a < b; a += 3, b -= 3) {
      for (let word = 0; word < 3; word++) {
        const kept = fields[a + word]!;
        fields[a + word] = fields[b + word]!;
        fields[b + word] = kept;
      }
    }
  }

  segment(run: number): number {
    return this.#fields[3 * run]!;
  }

  from(run: number): number {
    return this.#fields[3 * run + 1]!;
  }

  to(run: number): number {
    return this.#fields[3 * run + 2]!;
  }

  /** Leaves the first blocks only. */
  keep(blocks: number): void {
    while (this.blocks > blocks) {
      const last = this.length - 1;
      const size = this.to(last) - this.from(last);
      const surplus = this.blocks - blocks;
      if (surplus < size) {
        this.#fields[3 * last + 2]! -= surplus;
        this.blocks = blocks;
      } else {
        this.length = last;
        this.blocks -= size;
      }
    }
  }
}
