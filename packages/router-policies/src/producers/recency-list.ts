import { grown } from "./block-table.ts";

const NONE = -1;
const ABSENT = -2;

/** Small integers ordered by when each was last touched: the order of an LRU, doubly linked in typed arrays. */
export class RecencyList {
  #older = new Int32Array(64).fill(ABSENT);
  #newer = new Int32Array(64).fill(ABSENT);
  #oldest = NONE;
  #newest = NONE;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Touched longest ago; -1 when empty. */
  get oldest(): number {
    return this.#oldest;
  }

  /** The next one towards the newest; -1 at the end. */
  newerThan(id: number): number {
    return this.#newer[id]!;
  }

  /** Makes `id` the newest, adding it where it is absent. */
  touch(id: number): void {
    if (id === this.#newest) return;
    if (id >= this.#older.length) this.#grow(id);
    if (this.#older[id] !== ABSENT) this.remove(id);
    this.#older[id] = this.#newest;
    this.#newer[id] = NONE;
    if (this.#newest >= 0) this.#newer[this.#newest] = id;
    else this.#oldest = id;
    this.#newest = id;
    this.#size++;
  }

  /** Takes `id` out, if it is there. */
  remove(id: number): void {
    const older = this.#older[id] ?? ABSENT;
    if (older === ABSENT) return;
    const newer = this.#newer[id]!;
    if (older >= 0) this.#newer[older] = newer;
    else this.#oldest = newer;
    if (newer >= 0) this.#older[newer] = older;
    else this.#newest = older;
    this.#older[id] = ABSENT;
    this.#newer[id] = ABSENT;
    this.#size--;
  }

  #grow(id: number): void {
    const length = this.#older.length;
    const longer = Math.max(2 * length, id + 1);
    this.#older = grown(this.#older, longer).fill(ABSENT, length);
    this.#newer = grown(this.#newer, longer).fill(ABSENT, length);
  }
}
