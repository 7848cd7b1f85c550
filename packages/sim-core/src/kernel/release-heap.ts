/** Min-heap of request rows by (time, row), for rows that another row's end releases. */
export class ReleaseHeap {
  #times = new Float64Array(64);
  #rows = new Int32Array(64);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get firstTimeUs(): number {
    return this.#size === 0 ? Infinity : this.#times[0]!;
  }

  get firstRow(): number {
    return this.#rows[0]!;
  }

  push(timeUs: number, row: number): void {
    if (this.#size === this.#rows.length) this.#grow();
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(timeUs, row, parent)) break;
      this.#times[at] = this.#times[parent]!;
      this.#rows[at] = this.#rows[parent]!;
      at = parent;
    }
    this.#times[at] = timeUs;
    this.#rows[at] = row;
  }

  pop(): number {
    const first = this.#rows[0]!;
    const size = --this.#size;
    const timeUs = this.#times[size]!;
    const row = this.#rows[size]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#before(this.#times[child + 1]!, this.#rows[child + 1]!, child)) child++;
      if (this.#before(timeUs, row, child)) break;
      this.#times[at] = this.#times[child]!;
      this.#rows[at] = this.#rows[child]!;
      at = child;
    }
    this.#times[at] = timeUs;
    this.#rows[at] = row;
    return first;
  }

  #before(timeUs: number, row: number, at: number): boolean {
    const other = this.#times[at]!;
    return timeUs < other || (timeUs === other && row < this.#rows[at]!);
  }

  #grow(): void {
    const times = new Float64Array(this.#times.length * 2);
    times.set(this.#times);
    this.#times = times;
    const rows = new Int32Array(this.#rows.length * 2);
    rows.set(this.#rows);
    this.#rows = rows;
  }
}
