/**
 * Min-heap of small integer ids by (key, id), where the key of an id inside can change.
 *
 * `places` says where each id stands, -1 outside; heaps that never hold the same id at once may share it.
 */
export class KeyedHeap {
  readonly #places: number[];
  readonly #ids: number[] = [];
  readonly #keys: number[] = [];

  constructor(places: number[]) {
    this.#places = places;
  }

  get size(): number {
    return this.#ids.length;
  }

  get firstId(): number {
    return this.#ids[0]!;
  }

  /** Infinity when empty. */
  get firstKey(): number {
    return this.#ids.length === 0 ? Infinity : this.#keys[0]!;
  }

  /** Puts an id in, or gives the one inside another key. */
  set(id: number, key: number): void {
    let at = this.#places[id]!;
    if (at < 0) {
      at = this.#ids.length;
      this.#ids.push(id);
      this.#keys.push(key);
    }
    this.#settle(at, id, key);
  }

  /** Takes an id out, if it is inside. */
  remove(id: number): void {
    const at = this.#places[id]!;
    if (at < 0) return;
    this.#places[id] = -1;
    const lastId = this.#ids.pop()!;
    const lastKey = this.#keys.pop()!;
    if (lastId !== id) this.#settle(at, lastId, lastKey);
  }

  #settle(from: number, id: number, key: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(key, id, parent)) break;
      this.#move(parent, at);
      at = parent;
    }
    const size = this.#ids.length;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#before(this.#keys[child + 1]!, this.#ids[child + 1]!, child)) child++;
      if (this.#before(key, id, child)) break;
      this.#move(child, at);
      at = child;
    }
    this.#put(at, id, key);
  }

  #before(key: number, id: number, at: number): boolean {
    const other = this.#keys[at]!;
    return key < other || (key === other && id <= this.#ids[at]!);
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#ids[from]!, this.#keys[from]!);
  }

  #put(at: number, id: number, key: number): void {
    this.#ids[at] = id;
    this.#keys[at] = key;
    this.#places[id] = at;
  }
}
