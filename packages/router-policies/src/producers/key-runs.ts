import { grown } from "./block-table.ts";
import type { PromptBlocks } from "./prompt-blocks.ts";

const FIRST_RUNS = 256;
const FIRST_KEYS = 4096;
const FIRST_SLOT_BITS = 12;
const NONE = -1;

/** Words of a run's record. */
/** Where its keys start, as a number of keys. */
const START = 0;
/** Keys it has; 0 for a free run, which nothing then finds. */
const LENGTH = 1;
/** The caller's word; in a free run, the next free one. */
const OWNER = 2;
/** The run that followed last time: a hint. */
const FOLLOWER = 3;
const RUN_WORDS = 4;

/** Words of a slot: a run plus one (0: empty), then a tag and the key's offset in the run. */
const SLOT_WORDS = 2;
const OFFSET_BITS = 16;
const OFFSET_MASK = (1 << OFFSET_BITS) - 1;
const MAX_RUN_KEYS = 1 << OFFSET_BITS;
/** Share of the slots in use, stale ones included, at which they are rebuilt. */
const MAX_LOAD_FRACTION = 0.6;
/** Share of the slots that keys may fill after a rebuild; the rest pays for the next one. */
const MAX_LIVE_FRACTION = 0.3;

/** Odd multipliers of the hashes; their high bits choose the slot and the tag. */
const HI_FACTOR = 0x85ebca6b;
const SLOT_FACTOR = 0x9e3779b1;
const TAG_FACTOR = 0xc2b2ae35;

/**
 * Block keys, each at one place: a run is a stretch of one prompt's keys that were first seen together.
 *
 * Keys are chained, so that a prompt which has a key of a run mostly goes on along the run. A walk over a prompt is
 * therefore a comparison of neighbouring memory, with one look-up where it passes from run to run, and none where it
 * passes as the last walk did. Every key is in the hash table all the same: a prompt may enter a run anywhere.
 *
 * A freed run leaves its slots as they are. They are stale until the next rebuild; the keys themselves tell, and where
 * those happen to be right again, so is the slot.
 */
export class KeyRuns {
  /** Keys of all runs, hi and lo in turn; those of free runs are holes. */
  #keys = new Int32Array(2 * FIRST_KEYS);
  #keysEnd = 0;
  #liveKeys = 0;
  #runs = new Int32Array(FIRST_RUNS * RUN_WORDS);
  #runsHighWater = 0;
  #freeRun = NONE;
  #slots = new Int32Array(SLOT_WORDS << FIRST_SLOT_BITS);
  #shift = 32 - FIRST_SLOT_BITS;
  #usedSlots = 0;
  /** Of the last look-up: the offset of the key that was found, or the slot where it would be. */
  #foundOffset = 0;
  #emptySlot = 0;

  /** Runs have numbers below this one. */
  get highWater(): number {
    return this.#runsHighWater;
  }

  /** The caller's word of a run, -1 at first. */
  owner(run: number): number {
    return this.#runs[run * RUN_WORDS + OWNER]!;
  }

  setOwner(run: number, owner: number): void {
    this.#runs[run * RUN_WORDS + OWNER] = owner;
  }

  /** Keys of a run; 0 for a free one. */
  keysOf(run: number): number {
    return this.#runs[run * RUN_WORDS + LENGTH]!;
  }

  /** One key of a run, as `[hi, lo]`; for tests and state dumps. */
  keyAt(run: number, offset: number): [number, number] {
    const at = 2 * (this.#runs[run * RUN_WORDS + START]! + offset);
    return [this.#keys[at]!, this.#keys[at + 1]!];
  }

  /**
   * Finds the key of block `i` and as many of the next, below `to`, as follow in the same run, and writes that part of
   * the prompt at `i`.
   *
   * @param after the run of the block before, -1 at the front: a hint
   * @returns blocks in the part; 0 where the key is in no run
   */
  findPart(prompt: PromptBlocks, i: number, to: number, after: number): number {
    const { hi, lo } = prompt;
    const run = this.#find(hi[i]!, lo[i]!, after);
    if (run < 0) return 0;
    const offset = this.#foundOffset;
    const keys = this.#keys;
    const limit = Math.min(this.#runs[run * RUN_WORDS + LENGTH]! - offset, to - i);
    let length = 1;
    let at = 2 * (this.#runs[run * RUN_WORDS]! + offset + 1);
    while (length < limit && keys[at] === hi[i + length]! && keys[at + 1] === lo[i + length]!) {
      length++;
      at += 2;
    }
    prompt.setPart(i, run, offset, length);
    return length;
  }

  /**
   * Makes a run of the key of block `i`, which `findPart` has just not found, and of those of the next blocks below
   * `to` that are in no run either, and writes that part of the prompt at `i`.
   *
   * @returns blocks in the part
   */
  addPart(prompt: PromptBlocks, i: number, to: number, after: number): number {
    const { hi, lo } = prompt;
    const limit = Math.min(to - i, MAX_RUN_KEYS);
    const run = this.#newRun(limit);
    const record = run * RUN_WORDS;
    const runs = this.#runs;
    if (after >= 0) runs[after * RUN_WORDS + FOLLOWER] = run;
    const keys = this.#keys;
    let length = 0;
    do {
      const h = hi[i + length]!;
      const l = lo[i + length]!;
      keys[this.#keysEnd] = h;
      keys[this.#keysEnd + 1] = l;
      this.#keysEnd += 2;
      runs[record + LENGTH] = length + 1;
      this.#liveKeys++;
      this.#occupy(h, l, run, length++);
    } while (length < limit && this.#probe(hi[i + length]!, lo[i + length]!) < 0);
    prompt.setPart(i, run, 0, length);
    return length;
  }

  /** Forgets a run; its number may be given out again. */
  free(run: number): void {
    const record = run * RUN_WORDS;
    this.#liveKeys -= this.#runs[record + LENGTH]!;
    this.#runs[record + LENGTH] = 0;
    this.#runs[record + OWNER] = this.#freeRun;
    this.#freeRun = run;
  }

  #find(hi: number, lo: number, after: number): number {
    const runs = this.#runs;
    if (after >= 0) {
      const guess = runs[after * RUN_WORDS + FOLLOWER]!;
      if (guess >= 0 && this.#isAt(guess, 0, hi, lo)) {
        this.#foundOffset = 0;
        return guess;
      }
    }
    const run = this.#probe(hi, lo);
    if (run >= 0 && after >= 0 && this.#foundOffset === 0) runs[after * RUN_WORDS + FOLLOWER] = run;
    return run;
  }

  #isAt(run: number, offset: number, hi: number, lo: number): boolean {
    const record = run * RUN_WORDS;
    if (offset >= this.#runs[record + LENGTH]!) return false;
    const at = 2 * (this.#runs[record]! + offset);
    return this.#keys[at] === hi && this.#keys[at + 1] === lo;
  }

  #probe(hi: number, lo: number): number {
    const slots = this.#slots;
    const last = slots.length - 1;
    const mixed = lo ^ Math.imul(hi, HI_FACTOR);
    const tag = Math.imul(mixed, TAG_FACTOR);
    let slot = (Math.imul(mixed, SLOT_FACTOR) >>> this.#shift) * SLOT_WORDS;
    for (let held = slots[slot]!; held !== 0; held = slots[slot]!) {
      const word = slots[slot + 1]!;
      if ((word ^ tag) >>> OFFSET_BITS === 0 && this.#isAt(held - 1, word & OFFSET_MASK, hi, lo)) {
        this.#foundOffset = word & OFFSET_MASK;
        return held - 1;
      }
      slot = (slot + SLOT_WORDS) & last;
    }
    this.#emptySlot = slot;
    return NONE;
  }

  /** Puts the key that was last looked for, and not found, into the slot where it should have been. */
  #occupy(hi: number, lo: number, run: number, offset: number): void {
    const mixed = lo ^ Math.imul(hi, HI_FACTOR);
    this.#slots[this.#emptySlot] = run + 1;
    this.#slots[this.#emptySlot + 1] = (Math.imul(mixed, TAG_FACTOR) & ~OFFSET_MASK) | offset;
    this.#usedSlots++;
    if (this.#usedSlots * SLOT_WORDS >= this.#slots.length * MAX_LOAD_FRACTION) this.#rebuildSlots();
  }

  /** A free run at the end of the keys, with room for `keys` there. */
  #newRun(keys: number): number {
    if (this.#keysEnd + 2 * keys > this.#keys.length) this.#compact(2 * keys);
    let run = this.#freeRun;
    if (run >= 0) this.#freeRun = this.#runs[run * RUN_WORDS + OWNER]!;
    else {
      run = this.#runsHighWater++;
      if (run * RUN_WORDS >= this.#runs.length) this.#runs = grown(this.#runs);
    }
    const record = run * RUN_WORDS;
    this.#runs[record] = this.#keysEnd / 2;
    this.#runs[record + LENGTH] = 0;
    this.#runs[record + OWNER] = NONE;
    this.#runs[record + FOLLOWER] = NONE;
    return run;
  }

  /** Moves the keys together, into twice the room where less than half of it would be free. */
  #compact(wordsWanted: number): void {
    let length = this.#keys.length;
    while (2 * (2 * this.#liveKeys + wordsWanted) > length) length *= 2;
    const before = this.#keys;
    const keys = new Int32Array(length);
    const runs = this.#runs;
    let to = 0;
    for (let run = 0; run < this.#runsHighWater; run++) {
      const record = run * RUN_WORDS;
      const from = 2 * runs[record]!;
      const end = from + 2 * runs[record + LENGTH]!;
      runs[record] = to / 2;
      for (let at = from; at < end; at++) keys[to++] = before[at]!;
    }
    this.#keys = keys;
    this.#keysEnd = to;
  }

  /** Drops the stale slots, with twice as many where the keys alone would fill much of them. */
  #rebuildSlots(): void {
    const length = this.#slots.length;
    if (this.#liveKeys * SLOT_WORDS > MAX_LIVE_FRACTION * length) {
      this.#slots = new Int32Array(2 * length);
      this.#shift--;
    } else this.#slots.fill(0);
    this.#usedSlots = 0;
    const slots = this.#slots;
    const last = slots.length - 1;
    for (let run = 0; run < this.#runsHighWater; run++) {
      const start = 2 * this.#runs[run * RUN_WORDS]!;
      const keys = this.#runs[run * RUN_WORDS + LENGTH]!;
      for (let offset = 0; offset < keys; offset++) {
        const mixed = this.#keys[start + 2 * offset + 1]! ^ Math.imul(this.#keys[start + 2 * offset]!, HI_FACTOR);
        let slot = (Math.imul(mixed, SLOT_FACTOR) >>> this.#shift) * SLOT_WORDS;
        while (slots[slot] !== 0) slot = (slot + SLOT_WORDS) & last;
        slots[slot] = run + 1;
        slots[slot + 1] = (Math.imul(mixed, TAG_FACTOR) & ~OFFSET_MASK) | offset;
        this.#usedSlots++;
      }
    }
  }
}
