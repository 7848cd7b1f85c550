import { grown } from "./block-table.ts";
import type { PromptBlocks } from "./prompt-blocks.ts";

const FIRST_RUNS = 256;
const FIRST_KEYS = 4096;
const FIRST_SLOT_BITS = 12;
const NONE = -1;

/** Words of a run's record. */
/** Where its keys after the first start, as a number of keys. */
const START = 0;
/** Keys it has; 0 for a free run, which nothing then finds. */
const LENGTH = 1;
/** The caller's word, below zero for none; in a free run, the next free one. */
const OWNER = 2;
/** The run that its first key follows on, -1 at the front. */
const PARENT = 3;
/** Runs that have it as their parent. */
const CHILDREN = 4;
/** Its first key. */
const HI = 5;
const LO = 6;
/** A power of two, so that a record lies in one cache line. */
const RUN_WORDS = 8;

const EMPTY = 0;
/** Bits of a slot that hold a run plus one; those above hold a tag. The second width is for more than the first holds. */
const RUN_BITS = 20;
const WIDE_RUN_BITS = 27;
/** Share of the slots in use, stale ones included, at which they are rebuilt. */
const MAX_LOAD_FRACTION = 0.75;
/** Share of the slots that keys may fill after a rebuild; the rest pays for the next one. */
const MAX_LIVE_FRACTION = 0.4;

/** Odd multipliers of the hashes; their high bits choose the slot and the tag. */
const HI_FACTOR = 0x85ebca6b;
const SLOT_FACTOR = 0x9e3779b1;
const TAG_FACTOR = 0xc2b2ae35;

/**
 * Block keys, each at one place: a run is a stretch of one prompt's keys that were first seen together.
 *
 * Keys are chained: a key names everything before it, so it has one predecessor, and a prompt can only come to a key in
 * the middle of a run along that run. Hence only the first key of a run is in the hash table, and where a prompt and a
 * run have a key in common, they have all before it in common.
 *
 * A run stays while it has an owner or another run follows on it. So where a prompt's key is in no run, none of its later
 * ones is, and a turn's new blocks are added without a look for each. What stays without an owner is little: in an LRU
 * that is filled front to back, a block is dropped before those that follow it unless they are next.
 *
 * A freed run leaves its slot as it is. It is stale until the next rebuild; the key itself tells, and where that happens
 * to be right again, so is the slot.
 */
export class KeyRuns {
  /** Keys of all runs but the first of each, hi and lo in turn; those of free runs are holes. */
  #keys = new Int32Array(2 * FIRST_KEYS);
  #keysEnd = 0;
  #runs = new Int32Array(FIRST_RUNS * RUN_WORDS);
  #runsHighWater = 0;
  #freeRun = NONE;
  #slots = new Int32Array(1 << FIRST_SLOT_BITS);
  #shift = 32 - FIRST_SLOT_BITS;
  #runMask = (1 << RUN_BITS) - 1;
  #usedSlots = 0;
  #liveRuns = 0;

  /** Runs have numbers below this one. */
  get highWater(): number {
    return this.#runsHighWater;
  }

  /** The caller's word of a run, -1 for none. */
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
    const record = run * RUN_WORDS;
    if (offset === 0) return [this.#runs[record + HI]!, this.#runs[record + LO]!];
    const at = 2 * (this.#runs[record + START]! + offset - 1);
    return [this.#keys[at]!, this.#keys[at + 1]!];
  }

  /**
   * Finds the key of block `i` and as many of the next, below `to`, as follow in the same run, and writes that part of
   * the prompt at `i`.
   *
   * @param after the run of the block before, -1 at the front
   * @param end the offset in that run after the block before
   * @returns blocks in the part; 0 where the key is in no run
   */
  findPart(prompt: PromptBlocks, i: number, to: number, after: number, end: number): number {
    const h = prompt.hi[i]!;
    const l = prompt.lo[i]!;
    let run = after;
    let offset = end;
    // A run that has grown since the block before was found goes on with this one.
    if (after < 0 || !this.#isAt(after, end, h, l)) {
      if (after >= 0 && this.#runs[after * RUN_WORDS + CHILDREN] === 0) return 0;
      run = this.#find(h, l);
      if (run < 0) return 0;
      offset = 0;
    }
    const length = this.#commonKeys(prompt, i, to - i, run, offset);
    prompt.setPart(i, run, offset, length);
    return length;
  }

  /** Keys, of at most `blocks`, that a prompt from block `i` on and a run from `offset` on have in common: one at least. */
  #commonKeys(prompt: PromptBlocks, i: number, blocks: number, run: number, offset: number): number {
    const { hi, lo } = prompt;
    const keys = this.#runs[run * RUN_WORDS + LENGTH]! - offset;
    let length = keys < blocks ? keys : blocks;
    const last = length - 1;
    if (last === 0 || this.#isAt(run, offset + last, hi[i + last]!, lo[i + last]!)) return length;
    // They part somewhere, and what they share comes first: halve.
    let common = 1;
    while (length - common > 1) {
      const middle = (common + length) >> 1;
      if (this.#isAt(run, offset + middle - 1, hi[i + middle - 1]!, lo[i + middle - 1]!)) common = middle;
      else length = middle;
    }
    return common;
  }

  /**
   * Takes in the key of block `i`, which `findPart` has just not found, and those of the next blocks below `to`, and
   * writes that part of the prompt at `i`. They go on a run whose end the block before is, so that a conversation which
   * grows stays one run, else into a new one. The last block makes a run of its own: it may be partly filled, and the
   * next turn then has another in its place.
   *
   * @param after the run of the block before, -1 at the front
   * @param isEnd whether the block before is the last of its run
   */
  addPart(prompt: PromptBlocks, i: number, to: number, after: number, isEnd: boolean): void {
    const { hi, lo } = prompt;
    const isLast = i === to - 1;
    const length = isLast ? 1 : to - 1 - i;
    const run = isEnd && !isLast ? after : this.#newRun(hi[i]!, lo[i]!, after);
    const offset = this.keysOf(run);
    this.#reserve(run, offset + length);
    const keys = this.#keys;
    const first = offset === 0 ? 1 : 0;
    let at = 2 * (this.#runs[run * RUN_WORDS + START]! + offset + first - 1);
    for (let block = i + first; block < i + length; block++) {
      keys[at++] = hi[block]!;
      keys[at++] = lo[block]!;
    }
    this.#runs[run * RUN_WORDS + LENGTH] = offset + length;
    if (this.#slotsAreFull) this.#rebuildSlots();
    prompt.setPart(i, run, offset, length);
  }

  /**
   * Forgets a run that has no owner and that none follows on, and those before it of which the same is then true. Their
   * numbers may be given out again.
   *
   * @returns whether there was any
   */
  freeUnowned(run: number): boolean {
    const runs = this.#runs;
    let at = run;
    while (at >= 0) {
      const record = at * RUN_WORDS;
      if (runs[record + OWNER]! >= 0 || runs[record + CHILDREN]! > 0) break;
      this.#liveRuns--;
      runs[record + LENGTH] = 0;
      runs[record + OWNER] = this.#freeRun;
      this.#freeRun = at;
      at = runs[record + PARENT]!;
      if (at >= 0) runs[at * RUN_WORDS + CHILDREN] = runs[at * RUN_WORDS + CHILDREN]! - 1;
    }
    return at !== run;
  }

  #isAt(run: number, offset: number, hi: number, lo: number): boolean {
    const record = run * RUN_WORDS;
    if (offset >= this.#runs[record + LENGTH]!) return false;
    if (offset === 0) return this.#isFirst(run, hi, lo);
    const at = 2 * (this.#runs[record + START]! + offset - 1);
    return this.#keys[at] === hi && this.#keys[at + 1] === lo;
  }

  #isFirst(run: number, hi: number, lo: number): boolean {
    const record = run * RUN_WORDS;
    const runs = this.#runs;
    return runs[record + LO] === lo && runs[record + HI] === hi && runs[record + LENGTH]! > 0;
  }

  /** The run that starts with a key, or -1. */
  #find(hi: number, lo: number): number {
    const slots = this.#slots;
    const last = slots.length - 1;
    const runMask = this.#runMask;
    const mixed = lo ^ Math.imul(hi, HI_FACTOR);
    const tag = Math.imul(mixed, TAG_FACTOR) & ~runMask;
    let slot = Math.imul(mixed, SLOT_FACTOR) >>> this.#shift;
    for (let held = slots[slot]!; held !== EMPTY; held = slots[slot]!) {
      if (((held ^ tag) & ~runMask) === 0 && this.#isFirst((held & runMask) - 1, hi, lo)) return (held & runMask) - 1;
      slot = (slot + 1) & last;
    }
    return NONE;
  }

  #occupy(hi: number, lo: number, run: number): void {
    const slots = this.#slots;
    const last = slots.length - 1;
    const mixed = lo ^ Math.imul(hi, HI_FACTOR);
    let slot = Math.imul(mixed, SLOT_FACTOR) >>> this.#shift;
    while (slots[slot] !== EMPTY) slot = (slot + 1) & last;
    slots[slot] = (Math.imul(mixed, TAG_FACTOR) & ~this.#runMask) | (run + 1);
    this.#usedSlots++;
  }

  get #slotsAreFull(): boolean {
    return this.#usedSlots >= this.#slots.length * MAX_LOAD_FRACTION || this.#runsHighWater > this.#runMask;
  }

  /** A run of which only the first key is there, not counted yet. */
  #newRun(hi: number, lo: number, parent: number): number {
    let run = this.#freeRun;
    if (run >= 0) this.#freeRun = this.#runs[run * RUN_WORDS + OWNER]!;
    else {
      run = this.#runsHighWater++;
      if (run * RUN_WORDS >= this.#runs.length) this.#runs = grown(this.#runs);
    }
    this.#liveRuns++;
    const record = run * RUN_WORDS;
    const runs = this.#runs;
    runs[record + LENGTH] = 0;
    runs[record + OWNER] = NONE;
    runs[record + PARENT] = parent;
    runs[record + CHILDREN] = 0;
    runs[record + HI] = hi;
    runs[record + LO] = lo;
    if (parent >= 0) runs[parent * RUN_WORDS + CHILDREN] = runs[parent * RUN_WORDS + CHILDREN]! + 1;
    this.#occupy(hi, lo, run);
    return run;
  }

  /** Makes room for `length` keys of a run, at the end of all where it has to move. */
  #reserve(run: number, length: number): void {
    const before = this.keysOf(run);
    if (length - 1 <= roomAfterFirst(before)) return;
    const room = 2 * roomAfterFirst(length);
    if (this.#keysEnd + room > this.#keys.length) this.#compact(room);
    const record = run * RUN_WORDS;
    const from = 2 * this.#runs[record + START]!;
    this.#runs[record + START] = this.#keysEnd / 2;
    if (before > 1) this.#keys.copyWithin(this.#keysEnd, from, from + 2 * (before - 1));
    this.#keysEnd += room;
  }

  /** Moves the runs together, into twice the room where less than half of it would be free. */
  #compact(wordsWanted: number): void {
    const runs = this.#runs;
    const end = this.#runsHighWater * RUN_WORDS;
    let wanted = wordsWanted;
    for (let record = 0; record < end; record += RUN_WORDS) wanted += 2 * roomAfterFirst(runs[record + LENGTH]!);
    let length = this.#keys.length;
    while (2 * wanted > length) length *= 2;
    const before = this.#keys;
    const keys = new Int32Array(length);
    let start = 0;
    for (let record = 0; record < end; record += RUN_WORDS) {
      const from = 2 * runs[record + START]!;
      const keysHeld = runs[record + LENGTH]!;
      for (let word = 0; word < 2 * (keysHeld - 1); word++) keys[start + word] = before[from + word]!;
      runs[record + START] = start / 2;
      start += 2 * roomAfterFirst(keysHeld);
    }
    this.#keys = keys;
    this.#keysEnd = start;
  }

  /** Drops the stale slots, with twice as many where the keys alone would fill much of them. */
  #rebuildSlots(): void {
    if (this.#runsHighWater > this.#runMask) this.#runMask = (1 << WIDE_RUN_BITS) - 1;
    const length = this.#slots.length;
    if (this.#liveRuns > MAX_LIVE_FRACTION * length) {
      this.#slots = new Int32Array(2 * length);
      this.#shift--;
    } else this.#slots.fill(EMPTY);
    this.#usedSlots = 0;
    const runs = this.#runs;
    for (let run = 0; run < this.#runsHighWater; run++) {
      const record = run * RUN_WORDS;
      if (runs[record + LENGTH]! > 0) this.#occupy(runs[record + HI]!, runs[record + LO]!, run);
    }
  }
}

/** Keys after its first that a run of `length` has room for: the next power of two. */
function roomAfterFirst(length: number): number {
  return length <= 2 ? (length === 2 ? 1 : 0) : 1 << (32 - Math.clz32(length - 2));
}
