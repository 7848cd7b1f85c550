import type { PrecisePrefixIndex } from "./precise-prefix-index.ts";
import type { PromptBlocks } from "./prompt-blocks.ts";

interface SpeculativeEntry {
  readonly expiresAtUs: number;
  readonly server: number;
  /** State of the server for which the entry holds. */
  readonly generation: number;
  readonly hi: Int32Array;
  readonly lo: Int32Array;
}

/**
 * Blocks that endpoints are assumed to hold since they were sent the prompt, until the time to live is over. No timer:
 * whoever reads the index expires first.
 */
export class SpeculativeEntries {
  readonly #index: PrecisePrefixIndex;
  readonly #tier: number;
  readonly #ttlUs: number;
  /** In the order of expiry, which is that of addition. */
  #queue: SpeculativeEntry[] = [];
  #head = 0;
  /** By server; grows when the server's entries are dropped by other means. */
  readonly #generation: number[] = [];

  constructor(index: PrecisePrefixIndex, tier: number, ttlUs: number) {
    this.#index = index;
    this.#tier = tier;
    this.#ttlUs = ttlUs;
  }

  /** Assumes that a server holds a prompt's blocks. */
  add(server: number, prompt: PromptBlocks, nowUs: number): void {
    if (prompt.length === 0) return;
    const hi = prompt.hi.slice(0, prompt.length);
    const lo = prompt.lo.slice(0, prompt.length);
    let from = 0;
    for (const to of prompt.ends) {
      this.#index.stored(server, this.#tier, hi, lo, from, to - from);
      from = to;
    }
    const generation = this.#generation[server] ?? 0;
    this.#queue.push({ expiresAtUs: nowUs + this.#ttlUs, server, generation, hi, lo });
  }

  /** Takes back what has expired. */
  expire(nowUs: number): void {
    while (this.#head < this.#queue.length && this.#queue[this.#head]!.expiresAtUs <= nowUs) {
      const { server, generation, hi, lo } = this.#queue[this.#head++]!;
      if (generation === (this.#generation[server] ?? 0)) {
        this.#index.removed(server, this.#tier, hi, lo, 0, hi.length);
      }
    }
    if (this.#head > 1024 && this.#head > this.#queue.length / 2) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  /** The index has dropped a server's entries. */
  forget(server: number): void {
    this.#generation[server] = (this.#generation[server] ?? 0) + 1;
  }
}
