import type { RequestsInFlight } from "./requests-in-flight.ts";
import type { PrefillChunks } from "./step-time-model.ts";

/** The prefill chunks of the step in hand, with whose they are. Their tokens count as computed when they are given. */
export class StepChunks implements PrefillChunks {
  count = 0;
  completing = 0;
  readonly newTokens: Int32Array;
  readonly cachedTokens: Int32Array;
  readonly #slots: Int32Array;
  readonly #requests: RequestsInFlight;

  constructor(requests: RequestsInFlight, capacity: number) {
    this.#requests = requests;
    this.newTokens = new Int32Array(capacity);
    this.cachedTokens = new Int32Array(capacity);
    this.#slots = new Int32Array(capacity);
  }

  clear(): void {
    this.count = 0;
    this.completing = 0;
  }

  /** @returns the tokens that the request has computed with the chunk */
  add(slot: number, tokens: number): number {
    const { computedTokens, numTokens } = this.#requests;
    const at = this.count++;
    const cached = computedTokens[slot]!;
    const computed = cached + tokens;
    this.newTokens[at] = tokens;
    this.cachedTokens[at] = cached;
    this.#slots[at] = slot;
    computedTokens[slot] = computed;
    if (computed === numTokens[slot]) this.completing++;
    return computed;
  }

  slotAt(index: number): number {
    return this.#slots[index]!;
  }

  /** Takes out the chunk of a request, whose tokens stay counted; how many they are. */
  remove(slot: number): number {
    const slots = this.#slots;
    let at = 0;
    while (slots[at] !== slot) at++;
    const tokens = this.newTokens[at]!;
    if (this.#requests.computedTokens[slot] === this.#requests.numTokens[slot]) this.completing--;
    this.count--;
    for (; at < this.count; at++) {
      this.newTokens[at] = this.newTokens[at + 1]!;
      this.cachedTokens[at] = this.cachedTokens[at + 1]!;
      slots[at] = slots[at + 1]!;
    }
    return tokens;
  }
}
