const NONE = -1;

/** Which blocks one cache holds, and which of them was used least recently: a linked list in two arrays. */
export class BlockLru {
  readonly #capacityBlocks: number;
  /** Towards the most recently used. */
  readonly #newer: Int32Array;
  readonly #older: Int32Array;
  readonly #held: Uint8Array;
  #newest = NONE;
  #oldest = NONE;
  #size = 0;
  evictions = 0;

  /** @param capacityBlocks may be infinite */
  constructor(idCount: number, capacityBlocks: number) {
    this.#capacityBlocks = capacityBlocks;
    this.#newer = new Int32Array(idCount);
    this.#older = new Int32Array(idCount);
    this.#held = new Uint8Array(idCount);
  }

  has(id: number): boolean {
    return this.#held[id] === 1;
  }

  /** Makes the block the most recently used; may leave the cache over its capacity until `trim`. */
  touch(id: number): void {
    if (id === this.#newest) return;
    if (this.#held[id] === 1) this.#unlink(id);
    else {
      this.#held[id] = 1;
      this.#size++;
    }
    this.#older[id] = this.#newest;
    this.#newer[id] = NONE;
    if (this.#newest === NONE) this.#oldest = id;
    else this.#newer[this.#newest] = id;
    this.#newest = id;
  }

  /** Evicts the least recently used blocks that are over the capacity. */
  trim(): void {
    while (this.#size > this.#capacityBlocks) {
      const victim = this.#oldest;
      this.#unlink(victim);
      this.#held[victim] = 0;
      this.#size--;
      this.evictions++;
    }
  }

  #unlink(id: number): void {
    const newer = this.#newer[id]!;
    const older = this.#older[id]!;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
  }
}
