/** What `firstStep` says when nothing decodes: a step that no run reaches, and a small integer as all steps are. */
export const NO_STEP = 2 ** 31 - 1;

/**
 * Min-heap of decoding requests by the decode step of their last token: which finishes next. Requests of the same step
 * come out in no particular order.
 */
export class FinishQueue {
  #steps = new Int32Array(64);
  #slots = new Int32Array(64);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Decode step of the next finish; `NO_STEP` when none decodes. */
  get firstStep(): number {
    return this.#size === 0 ? NO_STEP : this.#steps[0]!;
  }

  clear(): void {
    this.#size = 0;
  }

  push(step: number, slot: number): void {
    if (this.#size === this.#slots.length) this.#grow();
    const steps = this.#steps;
    const slots = this.#slots;
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const parentStep = steps[parent]!;
      if (step >= parentStep) break;
      steps[at] = parentStep;
      slots[at] = slots[parent]!;
      at = parent;
    }
    steps[at] = step;
    slots[at] = slot;
  }

  pop(): number {
    const steps = this.#steps;
    const slots = this.#slots;
    const first = slots[0]!;
    const size = --this.#size;
    const step = steps[size]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      let childStep = steps[child]!;
      if (child + 1 < size) {
        const right = steps[child + 1]!;
        if (right < childStep) {
          childStep = right;
          child++;
        }
      }
      if (step <= childStep) break;
      steps[at] = childStep;
      slots[at] = slots[child]!;
      at = child;
    }
    steps[at] = step;
    slots[at] = slots[size]!;
    return first;
  }

  /** Takes out a request that will not finish: rare, so it looks at all. */
  remove(slot: number): void {
    const entries = Array.from({ length: this.#size }, (_, at) => [this.#steps[at]!, this.#slots[at]!] as const);
    this.clear();
    for (const [step, other] of entries) if (other !== slot) this.push(step, other);
  }

  #grow(): void {
    const size = this.#slots.length * 2;
    const steps = new Int32Array(size);
    steps.set(this.#steps);
    this.#steps = steps;
    const slots = new Int32Array(size);
    slots.set(this.#slots);
    this.#slots = slots;
  }
}
