const FIRST_IDS = 1024;
/** Share of the slots in use, stale ones included, at which they are rebuilt. */
const MAX_LOAD_FRACTION = 0.6;
/** Share of the slots that keys may fill after a rebuild; the rest pays for the next one. */
const MAX_LIVE_FRACTION = 0.35;
const EMPTY = 0;
/** Bits of a slot that hold an id; those above hold a tag. The second width is for more ids than the first holds. */
const ID_BITS = 24;
const WIDE_ID_BITS = 29;

/** Odd multipliers of the two hashes; their high bits choose the slot and the tag. */
const SLOT_FACTOR = 0x9e3779b1;
const TAG_FACTOR = 0xc2b2ae35;

const HI = 0;
const LO = 1;
const NEXT = 2;
/** Words of a record before its payload. */
const HEADER_WORDS = 3;

/**
 * Interns block keys: (hi, lo) pairs to dense ids that are reused after `release`.
 *
 * Open addressing with linear probing over 32-bit slots, hashed by a multiplicative hash of which the high bits are
 * taken (keys may be consecutive integers, whose low bits cluster). Each key remembers the key that was asked for
 * after it: prompts repeat chains of blocks, so that most look-ups are one comparison in neighbouring memory.
 *
 * In a large index the cache lines touched are the cost. So all that is known of a key is one record; a slot has some
 * bits of its key's hash, which spare the record of nearly every other key on the way; and a release leaves its slot
 * alone: the slot is stale until the next rebuild, and its record tells.
 */
export class BlockTable {
  /**
   * Records by id, `strideWords` apart; replaced when it grows. In each: hi, lo, the id that followed last time (-1
   * for none; for a free id -3 minus the next free id), then the caller's words.
   */
  records: Int32Array<ArrayBuffer>;
  strideWords: number;
  #slots = new Int32Array(4 * FIRST_IDS);
  #shift = 32 - 12;
  #idMask = (1 << ID_BITS) - 1;
  #usedSlots = 0;
  #size = 0;
  #highWater = 0;
  #free = -1;

  constructor(payloadWords: number) {
    this.strideWords = HEADER_WORDS + payloadWords;
    this.records = new Int32Array(FIRST_IDS * this.strideWords);
  }

  /** Keys held. */
  get size(): number {
    return this.#size;
  }

  /** Where the caller's words of an id start in `records`. */
  payload(id: number): number {
    return id * this.strideWords + HEADER_WORDS;
  }

  hi(id: number): number {
    return this.records[id * this.strideWords + HI]!;
  }

  lo(id: number): number {
    return this.records[id * this.strideWords + LO]!;
  }

  /**
   * The id of a key, or -1.
   *
   * @param after the id of the key before it in the same prompt, -1 at the front: a hint
   */
  find(hi: number, lo: number, after: number): number {
    const records = this.records;
    const stride = this.strideWords;
    if (after >= 0) {
      const guess = records[after * stride + NEXT]!;
      if (guess >= 0) {
        const at = guess * stride;
        if (records[at]! === hi && records[at + LO]! === lo && records[at + NEXT]! >= -1) return guess;
      }
    }
    const id = this.#probe(hi, lo);
    if (id >= 0 && after >= 0) records[after * stride + NEXT] = id;
    return id;
  }

  /**
   * Finds the keys `from..to` of one prompt up to the first that is not held, and writes their ids.
   *
   * @returns the index of that key, `to` when all are held
   */
  findChain(hi: Int32Array, lo: Int32Array, from: number, to: number, ids: Int32Array): number {
    const records = this.records;
    const stride = this.strideWords;
    let at = -1;
    for (let i = from; i < to; i++) {
      const h = hi[i]!;
      const l = lo[i]!;
      let id = at < 0 ? -1 : records[at + NEXT]!;
      let next = Math.imul(id, stride);
      if (id < 0 || records[next]! !== h || records[next + LO]! !== l || records[next + NEXT]! < -1) {
        id = this.#probe(h, l);
        if (id < 0) return i;
        next = Math.imul(id, stride);
        if (at >= 0) records[at + NEXT] = id;
      }
      ids[i] = id;
      at = next;
    }
    return to;
  }

  /** Adds a key that `find` did not find, its payload zero, and gives its id. */
  insert(hi: number, lo: number, after: number): number {
    const stride = this.strideWords;
    let id = this.#free;
    if (id >= 0) this.#free = -3 - this.records[id * stride + NEXT]!;
    else {
      id = this.#highWater++;
      if (id * stride >= this.records.length) this.records = grown(this.records);
    }
    const records = this.records;
    const at = id * stride;
    for (let word = at + HEADER_WORDS; word < at + stride; word++) records[word] = 0;
    records[at] = hi;
    records[at + LO] = lo;
    records[at + NEXT] = -1;
    if (after >= 0) records[after * stride + NEXT] = id;
    this.#size++;
    const isFull = this.#usedSlots >= this.#slots.length * MAX_LOAD_FRACTION;
    if (isFull || id >= this.#idMask) this.#rebuildSlots();
    else this.#occupy(hi, lo, id);
    return id;
  }

  /** Forgets a key; its id may be given out again. */
  release(id: number): void {
    this.records[id * this.strideWords + NEXT] = -3 - this.#free;
    this.#free = id;
    this.#size--;
  }

  /** Widens every record's payload, new words zero. */
  widen(payloadWords: number): void {
    const stride = HEADER_WORDS + payloadWords;
    const wider = new Int32Array(Math.floor(this.records.length / this.strideWords) * stride);
    for (let id = 0; id < this.#highWater; id++) {
      wider.set(this.records.subarray(id * this.strideWords, (id + 1) * this.strideWords), id * stride);
    }
    this.records = wider;
    this.strideWords = stride;
  }

  #probe(hi: number, lo: number): number {
    const slots = this.#slots;
    const records = this.records;
    const stride = this.strideWords;
    const last = slots.length - 1;
    const idMask = this.#idMask;
    const mixed = lo ^ Math.imul(hi, 0x85ebca6b);
    const tag = Math.imul(mixed, TAG_FACTOR) & ~idMask;
    let slot = Math.imul(mixed, SLOT_FACTOR) >>> this.#shift;
    for (let entry = slots[slot]!; entry !== EMPTY; entry = slots[slot]!) {
      if (((entry ^ tag) & ~idMask) === 0) {
        const id = (entry & idMask) - 1;
        const at = id * stride;
        if (records[at]! === hi && records[at + LO]! === lo && records[at + NEXT]! >= -1) return id;
      }
      slot = (slot + 1) & last;
    }
    return -1;
  }

  #occupy(hi: number, lo: number, id: number): void {
    const slots = this.#slots;
    const last = slots.length - 1;
    const mixed = lo ^ Math.imul(hi, 0x85ebca6b);
    let slot = Math.imul(mixed, SLOT_FACTOR) >>> this.#shift;
    while (slots[slot]! !== EMPTY) slot = (slot + 1) & last;
    slots[slot] = (Math.imul(mixed, TAG_FACTOR) & ~this.#idMask) | (id + 1);
    this.#usedSlots++;
  }

  /** Drops the stale slots, with twice as many where the keys alone would fill much of them. */
  #rebuildSlots(): void {
    if (this.#highWater > this.#idMask) this.#idMask = (1 << WIDE_ID_BITS) - 1;
    const length = this.#slots.length;
    if (this.#size > MAX_LIVE_FRACTION * length) {
      this.#slots = new Int32Array(2 * length);
      this.#shift--;
    } else this.#slots.fill(EMPTY);
    this.#usedSlots = 0;
    const records = this.records;
    const end = this.#highWater * this.strideWords;
    let id = 0;
    for (let at = 0; at < end; at += this.strideWords) {
      if (records[at + NEXT]! >= -1) this.#occupy(records[at]!, records[at + LO]!, id);
      id++;
    }
  }
}

/** A copy of twice the length, or of `length`. */
export function grown(array: Int32Array<ArrayBuffer>, length = 2 * array.length): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(length);
  copy.set(array);
  return copy;
}
