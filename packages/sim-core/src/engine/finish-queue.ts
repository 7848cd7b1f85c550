/**
 * Min-heap of decoding requests by (decode step of their last token, order of admission): which finishes next, and in
 * which order those of the same step are freed.
 */
export class FinishQueue {
  #steps = new Int32Array(64);
  #sequences = new Int32Array(64);
  #slots = new Int32Array(64);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Decode step of the next finish; Infinity when none decodes. */
  get firstStep(): number {
    return this.#size === 0 ? Infinity : this.#steps[0]!;
  }

  clear(): void {
    this.#size = 0;
  }

  push(step: number, sequence: number, slot: number): void {
    if (this.#size === this.#slots.length) this.#grow();
    const steps = this.#steps;
    const sequences = this.#sequences;
    const slots = this.#slots;
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const parentStep = steps[parent]!;
      if (step > parentStep || (step === parentStep && sequence > sequences[parent]!)) break;
      steps[at] = parentStep;
      sequences[at] = sequences[parent]!;
      slots[at] = slots[parent]!;
      at = parent;
    }
    steps[at] = step;
    sequences[at] = sequence;
    slots[at] = slot;
  }

  pop(): number {
    const steps = this.#steps;
    const sequences = this.#sequences;
    const slots = this.#slots;
    const first = slots[0]!;
    const size = --this.#size;
    const step = steps[size]!;
    const sequence = sequences[size]!;
    const slot = slots[size]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size) {
        const left = steps[child]!;
        const right = steps[child + 1]!;
        if (right < left || (right === left && sequences[child + 1]! < sequences[child]!)) child++;
      }
      const childStep = steps[child]!;
      if (step < childStep || (step === childStep && sequence < sequences[child]!)) break;
      steps[at] = childStep;
      sequences[at] = sequences[child]!;
      slots[at] = slots[child]!;
      at = child;
    }
    steps[at] = step;
    sequences[at] = sequence;
    slots[at] = slot;
    return first;
  }

  #grow(): void {
    const size = this.#slots.length * 2;
    const steps = new Int32Array(size);
    steps.set(this.#steps);
    this.#steps = steps;
    const sequences = new Int32Array(size);
    sequences.set(this.#sequences);
    this.#sequences = sequences;
    const slots = new Int32Array(size);
    slots.set(this.#slots);
    this.#slots = slots;
  }
}
