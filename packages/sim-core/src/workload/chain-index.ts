import { GrowingFloat64, GrowingInt32 } from "./growing-column.ts";

const EMPTY = -1;

/**
 * Dense numbers for (parent, hash id) pairs, in order of first appearance.
 *
 * Numbering the pair and not the hash id alone makes "same number" mean "same whole prefix" even for a file whose ids
 * are hashes of a block's content only. Typed open addressing, because a `Map` ends at 2^24 entries.
 */
export class ChainIndex {
  readonly #parents = new GrowingInt32();
  readonly #hashIds = new GrowingFloat64();
  #slots = new Int32Array(1024).fill(EMPTY);

  get count(): number {
    return this.#parents.length;
  }

  /** The file's own id of each number. */
  hashIds(): Float64Array {
    return this.#hashIds.toArray();
  }

  /** @param parent number of the block before, or any negative integer for the start of a prompt in that scope */
  numberOf(parent: number, hashId: number): number {
    const mask = this.#slots.length - 1;
    let slot = mix(parent, hashId) & mask;
    for (;;) {
      const number = this.#slots[slot]!;
      if (number === EMPTY) break;
      if (this.#parents.at(number) === parent && this.#hashIds.at(number) === hashId) return number;
      slot = (slot + 1) & mask;
    }
    const number = this.#append(parent, hashId);
    this.#slots[slot] = number;
    if (number * 2 > this.#slots.length) this.#grow();
    return number;
  }

  /** A number that no other block gets, for tokens that the file gives no id. */
  fresh(): number {
    return this.#append(Number.MIN_SAFE_INTEGER, -1);
  }

  #append(parent: number, hashId: number): number {
    const number = this.#parents.length;
    this.#parents.push(parent);
    this.#hashIds.push(hashId);
    return number;
  }

  #grow(): void {
    const slots = new Int32Array(this.#slots.length * 4).fill(EMPTY);
    const mask = slots.length - 1;
    for (let number = 0; number < this.#parents.length; number++) {
      const hashId = this.#hashIds.at(number);
      if (hashId < 0) continue;
      let slot = mix(this.#parents.at(number), hashId) & mask;
      while (slots[slot] !== EMPTY) slot = (slot + 1) & mask;
      slots[slot] = number;
    }
    this.#slots = slots;
  }
}

/** Two rounds of the MurmurHash3 finaliser over both words of the id and the parent. */
function mix(parent: number, hashId: number): number {
  let h = Math.imul(parent, 0x9e3779b1) ^ (hashId | 0) ^ Math.imul((hashId / 4294967296) | 0, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
