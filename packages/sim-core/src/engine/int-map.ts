/** Open-addressing map from non-negative integers to non-negative integers; -1 means absent. */
export class IntMap {
  #keys = new Int32Array(16).fill(-1);
  #values = new Int32Array(16);
  #shift = 28;
  #size = 0;

  get(key: number): number {
    const keys = this.#keys;
    const mask = keys.length - 1;
    // High bits of a multiplicative hash: low bits of consecutive ids would cluster.
    let at = Math.imul(key, 0x9e3779b1) >>> this.#shift;
    for (;;) {
      const found = keys[at]!;
      if (found === key) return this.#values[at]!;
      if (found === -1) return -1;
      at = (at + 1) & mask;
    }
  }

  set(key: number, value: number): void {
    if (this.#size * 2 >= this.#keys.length) this.#grow();
    const keys = this.#keys;
    const mask = keys.length - 1;
    let at = Math.imul(key, 0x9e3779b1) >>> this.#shift;
    while (keys[at] !== -1 && keys[at] !== key) at = (at + 1) & mask;
    if (keys[at] === -1) this.#size++;
    keys[at] = key;
    this.#values[at] = value;
  }

  delete(key: number): void {
    const keys = this.#keys;
    const mask = keys.length - 1;
    let at = Math.imul(key, 0x9e3779b1) >>> this.#shift;
    while (keys[at] !== key) {
      if (keys[at] === -1) return;
      at = (at + 1) & mask;
    }
    this.#size--;
    // Backward shift: no tombstones, so a long run stays as fast as a fresh one.
    let hole = at;
    for (;;) {
      at = (at + 1) & mask;
      const moved = keys[at]!;
      if (moved === -1) break;
      const home = Math.imul(moved, 0x9e3779b1) >>> this.#shift;
      if (((at - home) & mask) >= ((at - hole) & mask)) {
        keys[hole] = moved;
        this.#values[hole] = this.#values[at]!;
        hole = at;
      }
    }
    keys[hole] = -1;
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    this.#keys = new Int32Array(keys.length * 2).fill(-1);
    this.#values = new Int32Array(keys.length * 2);
    this.#shift--;
    this.#size = 0;
    for (let at = 0; at < keys.length; at++) if (keys[at] !== -1) this.set(keys[at]!, values[at]!);
  }
}
