const EMPTY = 0;
const FIRST_RECORDS = 64;
/** The words of a record that are its key. */
const HI = 0;
const LO = 1;

/**
 * Records of 32-bit words under 64-bit keys, in flat arrays: an endpoint has tens of thousands of blocks, and there are
 * hundreds of endpoints. A record's id holds until the record is removed.
 */
export class BlockTable {
  readonly #words: number;
  /** Ids + 1 by slot, 0 = empty; a power of two long, half full at most. */
  #slots = new Int32Array(2 * FIRST_RECORDS);
  #records: Int32Array;
  readonly #free: number[] = [];
  #highWater = 0;
  #size = 0;

  /** @param words of a record, its key included */
  constructor(words: number) {
    this.#words = words;
    this.#records = new Int32Array(FIRST_RECORDS * words);
  }

  get size(): number {
    return this.#size;
  }

  /** The record's id, −1 for none. */
  find(hi: number, lo: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = slotOf(hi, lo, mask); ; slot = (slot + 1) & mask) {
      const id = this.#slots[slot]! - 1;
      if (id < 0 || this.#isOf(id, hi, lo)) return id;
    }
  }

  /** The record's id; a new record is all zeros behind its key. */
  findOrAdd(hi: number, lo: number): number {
    const known = this.find(hi, lo);
    if (known >= 0) return known;
    if (2 * (this.#size + 1) > this.#slots.length) this.#widenSlots();
    const id = this.#free.pop() ?? this.#highWater++;
    if ((id + 1) * this.#words > this.#records.length) {
      const wider = new Int32Array(2 * this.#records.length);
      wider.set(this.#records);
      this.#records = wider;
    }
    const at = id * this.#words;
    this.#records.fill(0, at, at + this.#words);
    this.#records[at + HI] = hi;
    this.#records[at + LO] = lo;
    this.#place(id);
    this.#size++;
    return id;
  }

  remove(id: number): void {
    const mask = this.#slots.length - 1;
    let hole = this.#slotOfId(id);
    // Those behind move up, so that no search ends at the hole before it finds them.
    for (let slot = (hole + 1) & mask; this.#slots[slot] !== EMPTY; slot = (slot + 1) & mask) {
      const home = this.#home(this.#slots[slot]! - 1);
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      this.#slots[hole] = this.#slots[slot]!;
      hole = slot;
    }
    this.#slots[hole] = EMPTY;
    this.#free.push(id);
    this.#size--;
  }

  word(id: number, word: number): number {
    return this.#records[id * this.#words + word]!;
  }

  setWord(id: number, word: number, value: number): void {
    this.#records[id * this.#words + word] = value;
  }

  #isOf(id: number, hi: number, lo: number): boolean {
    const at = id * this.#words;
    return this.#records[at + HI] === hi && this.#records[at + LO] === lo;
  }

  #home(id: number): number {
    return slotOf(this.word(id, HI), this.word(id, LO), this.#slots.length - 1);
  }

  #slotOfId(id: number): number {
    const mask = this.#slots.length - 1;
    let slot = this.#home(id);
    while (this.#slots[slot] !== id + 1) slot = (slot + 1) & mask;
    return slot;
  }

  #place(id: number): void {
    const mask = this.#slots.length - 1;
    let slot = this.#home(id);
    while (this.#slots[slot] !== EMPTY) slot = (slot + 1) & mask;
    this.#slots[slot] = id + 1;
  }

  #widenSlots(): void {
    const before = this.#slots;
    this.#slots = new Int32Array(2 * before.length);
    for (const entry of before) if (entry !== EMPTY) this.#place(entry - 1);
  }
}

/** Engines' hashes need not be hashes: small integers are spread too. */
function slotOf(hi: number, lo: number, mask: number): number {
  let mixed = Math.imul(hi ^ (lo >>> 15), 0x85ebca6b) ^ lo;
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) & mask;
}
