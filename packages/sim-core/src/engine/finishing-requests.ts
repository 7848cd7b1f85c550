import type { RequestsInFlight } from "./requests-in-flight.ts";

/** Requests whose last token comes at the end of the step in hand. */
export class FinishingRequests {
  readonly #requests: RequestsInFlight;
  readonly #slots: Int32Array;
  count = 0;

  constructor(requests: RequestsInFlight, capacity: number) {
    this.#requests = requests;
    this.#slots = new Int32Array(capacity);
  }

  add(slot: number): void {
    this.#slots[this.count++] = slot;
  }

  slotAt(index: number): number {
    return this.#slots[index]!;
  }

  /** Puts them in the order of the running list, which is that of admission. An insertion sort: they are few. */
  sort(): void {
    const slots = this.#slots;
    const { sequence } = this.#requests;
    for (let index = 1; index < this.count; index++) {
      const slot = slots[index]!;
      let at = index;
      for (; at > 0 && sequence[slots[at - 1]!]! > sequence[slot]!; at--) slots[at] = slots[at - 1]!;
      slots[at] = slot;
    }
  }
}
