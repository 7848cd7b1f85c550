/** Min-heap of transfers by (key, tag): finish tags within a path, or times of arrival. */
export class TransferHeap {
  #keys = new Float64Array(4);
  #tags = new Float64Array(4);
  #transfers = new Int32Array(4);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Infinity when empty. */
  get firstKey(): number {
    return this.#size === 0 ? Infinity : this.#keys[0]!;
  }

  get firstTransfer(): number {
    return this.#transfers[0]!;
  }

  push(key: number, tag: number, transfer: number): void {
    if (this.#size === this.#keys.length) this.#grow();
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(key, tag, parent)) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#put(at, key, tag, transfer);
  }

  /** Takes the first transfer out. */
  pop(): number {
    const first = this.#transfers[0]!;
    const size = --this.#size;
    const key = this.#keys[size]!;
    const tag = this.#tags[size]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#before(this.#keys[child + 1]!, this.#tags[child + 1]!, child)) child++;
      if (this.#before(key, tag, child)) break;
      this.#move(child, at);
      at = child;
    }
    this.#put(at, key, tag, this.#transfers[size]!);
    return first;
  }

  #before(key: number, tag: number, at: number): boolean {
    const other = this.#keys[at]!;
    return key < other || (key === other && tag < this.#tags[at]!);
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#keys[from]!, this.#tags[from]!, this.#transfers[from]!);
  }

  #put(at: number, key: number, tag: number, transfer: number): void {
    this.#keys[at] = key;
    this.#tags[at] = tag;
    this.#transfers[at] = transfer;
  }

  #grow(): void {
    const length = this.#keys.length * 2;
    const keys = new Float64Array(length);
    keys.set(this.#keys);
    this.#keys = keys;
    const tags = new Float64Array(length);
    tags.set(this.#tags);
    this.#tags = tags;
    const transfers = new Int32Array(length);
    transfers.set(this.#transfers);
    this.#transfers = transfers;
  }
}
