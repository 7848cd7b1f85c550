/** A change of a replica's findable blocks: blocks `fromBlock` to `toBlock` of a segment's stream. */
export interface KvChange {
  readonly stored: boolean;
  readonly segment: number;
  readonly fromBlock: number;
  readonly toBlock: number;
}

/**
 * KV events that a replica has published and the router has not read: runs of blocks with the time at which they reach
 * the index. Changes of a step are published when the step ends.
 */
export class KvEventLog {
  #timesUs = new Float64Array(64);
  /** segment, from, to and 1 for stored, per change. */
  #fields = new Int32Array(256);
  #head = 0;
  #dated = 0;
  #tail = 0;
  readonly enabled: boolean;
  readonly #delayUs: number;

  constructor(enabled: boolean, delayUs: number) {
    this.enabled = enabled;
    this.#delayUs = delayUs;
  }

  add(stored: boolean, segment: number, fromBlock: number, toBlock: number): void {
    if (!this.enabled || fromBlock >= toBlock) return;
    if (this.#tail === this.#timesUs.length) this.#makeRoom();
    const at = this.#tail++ * 4;
    this.#fields[at] = segment;
    this.#fields[at + 1] = fromBlock;
    this.#fields[at + 2] = toBlock;
    this.#fields[at + 3] = stored ? 1 : 0;
  }

  /** Dates what was added since the last call: it leaves the engine at `publishedUs`. */
  publish(publishedUs: number): void {
    while (this.#dated < this.#tail) this.#timesUs[this.#dated++] = publishedUs + this.#delayUs;
  }

  /** Takes out, in order, what has reached the index by `nowUs`. */
  drain(nowUs: number, apply: (change: KvChange) => void): void {
    while (this.#head < this.#dated && this.#timesUs[this.#head]! <= nowUs) {
      const at = this.#head++ * 4;
      const fields = this.#fields;
      apply({
        stored: fields[at + 3] === 1,
        segment: fields[at]!,
        fromBlock: fields[at + 1]!,
        toBlock: fields[at + 2]!,
      });
    }
  }

  /** Whether a change has reached the index by `nowUs`. */
  isDue(nowUs: number): boolean {
    return this.#head < this.#dated && this.#timesUs[this.#head]! <= nowUs;
  }

  /** Whether changes wait for the end of their step. */
  get hasUndated(): boolean {
    return this.#dated < this.#tail;
  }

  #makeRoom(): void {
    const live = this.#tail - this.#head;
    const size = live * 2 > this.#timesUs.length ? this.#timesUs.length * 2 : this.#timesUs.length;
    const times = new Float64Array(size);
    times.set(this.#timesUs.subarray(this.#head, this.#tail));
    const fields = new Int32Array(size * 4);
    fields.set(this.#fields.subarray(this.#head * 4, this.#tail * 4));
    this.#timesUs = times;
    this.#fields = fields;
    this.#dated -= this.#head;
    this.#tail -= this.#head;
    this.#head = 0;
  }
}
