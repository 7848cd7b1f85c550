import { IntMap } from "../engine/int-map.ts";
import type { BlockRuns } from "./block-runs.ts";

const NONE = -1;
/** `WRITER` of a run whose bytes are all there. */
const READY = -1;

/** Words of a run's record. A run is named by where its record starts. */
const SEGMENT = 0;
const FIRST = 1;
const END = 2;
const BEFORE = 3;
/** In an unused record, the next unused one. */
const AFTER = 4;
const OLDER = 5;
const NEWER = 6;
/** Loads that read it. */
const PINS = 7;
const WRITER = 8;
const RUN_WORDS = 12;

/** Hears what a tier gains and loses. */
export interface TierListener {
  /** Blocks can be read from now on. */
  stored(segment: number, from: number, to: number): void;
  evicted(segment: number, from: number, to: number): void;
}

/**
 * The blocks that one tier holds, least recently used first out: the policy of vLLM's offloading (0.19,
 * `kv_offload/lru_manager.py`). A block is absent, being written, or ready; only ready blocks that nobody reads are
 * evicted.
 *
 * Kept as runs of blocks of a segment: records in one typed array, each in the list of its segment's runs in ascending
 * order and in the list of use. Blocks of a run have one age, and the last of them goes first, so what stays is a prefix.
 */
export class TierStore {
  readonly capacityBlocks: number;
  usedBlocks = 0;
  peakBlocks = 0;
  /** Blocks that are being written or read. */
  busyBlocks = 0;
  storedBlocks = 0;
  evictedBlocks = 0;
  #runs = new Int32Array(64 * RUN_WORDS);
  #unused: number = NONE;
  #runsEnd = 0;
  /** First run of each segment. */
  readonly #heads = new IntMap();
  #oldest: number = NONE;
  #newest: number = NONE;
  readonly #listener: TierListener;

  constructor(capacityBlocks: number, listener: TierListener) {
    this.capacityBlocks = capacityBlocks;
    this.#listener = listener;
  }

  /** Up to where blocks from `from` on are ready, at most `to`; `from` where that one is not. */
  readyTo(segment: number, from: number, to: number): number {
    const runs = this.#runs;
    let at = from;
    for (let run = this.#heads.get(segment); run !== NONE && at < to; run = runs[run + AFTER]!) {
      if (runs[run + END]! <= at) continue;
      if (runs[run + FIRST]! > at || runs[run + WRITER] !== READY) break;
      at = runs[run + END]!;
    }
    return at < to ? at : to;
  }

  /** Adds to `into` what of a segment is neither ready nor being written. */
  missing(segment: number, from: number, to: number, into: BlockRuns): void {
    const runs = this.#runs;
    let at = from;
    for (let run = this.#heads.get(segment); run !== NONE && at < to; run = runs[run + AFTER]!) {
      const end = runs[run + END]!;
      if (end <= at) continue;
      const first = runs[run + FIRST]!;
      if (first >= to) break;
      if (first > at) into.push(segment, at, first);
      at = end;
    }
    if (at < to) into.push(segment, at, to);
  }

  /** Blocks that could be taken in now. */
  get room(): number {
    return this.capacityBlocks - this.busyBlocks;
  }

  /** Evicts until `blocks` more have room, the least recently used first; there is `room` for them. */
  makeRoom(blocks: number): void {
    let left = this.usedBlocks + blocks - this.capacityBlocks;
    let run = this.#oldest;
    while (left > 0) {
      const runs = this.#runs;
      const next = runs[run + NEWER]!;
      if (runs[run + PINS] === 0 && runs[run + WRITER] === READY) left -= this.#evict(run, left);
      run = next;
    }
  }

  #evict(run: number, most: number): number {
    const runs = this.#runs;
    const segment = runs[run + SEGMENT]!;
    const end = runs[run + END]!;
    const size = end - runs[run + FIRST]!;
    const taken = size < most ? size : most;
    this.usedBlocks -= taken;
    this.evictedBlocks += taken;
    runs[run + END] = end - taken;
    if (taken === size) {
      if (segment !== NONE) this.#outOfSegment(run);
      this.#outOfUse(run);
      this.#recycle(run);
    }
    if (segment !== NONE) this.#listener.evicted(segment, end - taken, end);
    return taken;
  }

  /** Takes in blocks that are absent; there is free capacity for them. They are ready when `written` says so. */
  add(segment: number, from: number, to: number, writer: number): void {
    const added = this.#allocate();
    const runs = this.#runs;
    runs[added + SEGMENT] = segment;
    runs[added + FIRST] = from;
    runs[added + END] = to;
    runs[added + PINS] = 0;
    runs[added + WRITER] = writer;
    let before: number = NONE;
    let after = this.#heads.get(segment);
    while (after !== NONE && runs[after + FIRST]! < from) {
      before = after;
      after = runs[after + AFTER]!;
    }
    this.#intoSegment(added, before, after);
    this.#takenIn(added, to - from);
  }

  /**
   * Takes in blocks that nobody will ever look for: they have room and an age like others, and nobody hears of them.
   *
   * @returns what `writtenUnnamed` is to be told
   */
  addUnnamed(blocks: number, writer: number): number {
    const added = this.#allocate();
    const runs = this.#runs;
    runs[added + SEGMENT] = NONE;
    runs[added + FIRST] = 0;
    runs[added + END] = blocks;
    runs[added + PINS] = 0;
    runs[added + WRITER] = writer;
    this.#takenIn(added, blocks);
    return added;
  }

  #takenIn(run: number, blocks: number): void {
    this.#toNewest(run);
    this.usedBlocks += blocks;
    if (this.usedBlocks > this.peakBlocks) this.peakBlocks = this.usedBlocks;
    this.busyBlocks += blocks;
  }

  /** The blocks of an `addUnnamed` are all there. */
  writtenUnnamed(run: number): void {
    const size = this.#runs[run + END]!;
    this.#runs[run + WRITER] = READY;
    this.busyBlocks -= size;
    this.storedBlocks += size;
  }

  /** What `writer` has added of these blocks is ready. */
  written(segment: number, from: number, to: number, writer: number): void {
    const runs = this.#runs;
    for (let run = this.#heads.get(segment); run !== NONE && runs[run + FIRST]! < to; run = runs[run + AFTER]!) {
      if (runs[run + END]! <= from || runs[run + WRITER] !== writer) continue;
      const size = runs[run + END]! - runs[run + FIRST]!;
      runs[run + WRITER] = READY;
      if (runs[run + PINS] === 0) this.busyBlocks -= size;
      this.storedBlocks += size;
      this.#listener.stored(segment, runs[run + FIRST]!, runs[run + END]!);
    }
  }

  /** Keeps ready blocks until `unpin`. */
  pin(segment: number, from: number, to: number): void {
    this.#changePins(segment, from, to, 1);
  }

  unpin(segment: number, from: number, to: number): void {
    this.#changePins(segment, from, to, -1);
  }

  #changePins(segment: number, from: number, to: number, by: number): void {
    let run = this.#cutAt(segment, from, to);
    const runs = this.#runs;
    for (; run !== NONE && runs[run + FIRST]! < to; run = runs[run + AFTER]!) {
      const pins = runs[run + PINS]! + by;
      runs[run + PINS] = pins;
      const size = runs[run + END]! - runs[run + FIRST]!;
      if (by > 0 && pins === 1) this.busyBlocks += size;
      else if (pins === 0) this.busyBlocks -= size;
    }
  }

  /** Makes what it has of these blocks the most recently used, the first more so than the last. */
  touch(segment: number, from: number, to: number): void {
    const first = this.#cutAt(segment, from, to);
    if (first === NONE) return;
    const runs = this.#runs;
    let run = first;
    for (let next = runs[run + AFTER]!; next !== NONE && runs[next + FIRST]! < to; next = runs[run + AFTER]!)
      run = next;
    for (;;) {
      const before = run === first ? NONE : runs[run + BEFORE]!;
      if (run !== this.#newest) {
        this.#outOfUse(run);
        this.#toNewest(run);
      }
      if (before === NONE) return;
      if (this.#mayJoin(before, run)) {
        runs[before + END] = runs[run + END]!;
        this.#outOfSegment(run);
        this.#outOfUse(run);
        this.#recycle(run);
      }
      run = before;
    }
  }

  /** Whether two neighbours of a segment can be one run. */
  #mayJoin(a: number, b: number): boolean {
    const runs = this.#runs;
    return (
      runs[a + END] === runs[b + FIRST] &&
      runs[a + PINS] === 0 &&
      runs[b + PINS] === 0 &&
      runs[a + WRITER] === READY &&
      runs[b + WRITER] === READY
    );
  }

  /** Cuts runs so that none reaches over `from` or `to`; the first in between, or NONE. */
  #cutAt(segment: number, from: number, to: number): number {
    let run = this.#heads.get(segment);
    while (run !== NONE && this.#runs[run + END]! <= from) run = this.#runs[run + AFTER]!;
    if (run === NONE || this.#runs[run + FIRST]! >= to) return NONE;
    if (this.#runs[run + FIRST]! < from) this.#split(run, from);
    for (let last = run; last !== NONE && this.#runs[last + FIRST]! < to; last = this.#runs[last + AFTER]!) {
      if (this.#runs[last + END]! <= to) continue;
      const upper = this.#split(last, to);
      if (last === run) run = upper;
      break;
    }
    return run;
  }

  /** Cuts a run before block `at`; the part up to there gets a record of its own, which is returned. */
  #split(run: number, at: number): number {
    const upper = this.#allocate();
    const runs = this.#runs;
    runs[upper + SEGMENT] = runs[run + SEGMENT]!;
    runs[upper + FIRST] = runs[run + FIRST]!;
    runs[upper + END] = at;
    runs[upper + PINS] = runs[run + PINS]!;
    runs[upper + WRITER] = runs[run + WRITER]!;
    runs[run + FIRST] = at;
    this.#intoSegment(upper, runs[run + BEFORE]!, run);
    const newer = runs[run + NEWER]!;
    runs[upper + OLDER] = run;
    runs[upper + NEWER] = newer;
    runs[run + NEWER] = upper;
    if (newer === NONE) this.#newest = upper;
    else runs[newer + OLDER] = upper;
    return upper;
  }

  #intoSegment(run: number, before: number, after: number): void {
    const runs = this.#runs;
    runs[run + BEFORE] = before;
    runs[run + AFTER] = after;
    if (before === NONE) this.#heads.set(runs[run + SEGMENT]!, run);
    else runs[before + AFTER] = run;
    if (after !== NONE) runs[after + BEFORE] = run;
  }

  #outOfSegment(run: number): void {
    const runs = this.#runs;
    const before = runs[run + BEFORE]!;
    const after = runs[run + AFTER]!;
    if (after !== NONE) runs[after + BEFORE] = before;
    if (before !== NONE) runs[before + AFTER] = after;
    else if (after === NONE) this.#heads.delete(runs[run + SEGMENT]!);
    else this.#heads.set(runs[run + SEGMENT]!, after);
  }

  #toNewest(run: number): void {
    const runs = this.#runs;
    runs[run + OLDER] = this.#newest;
    runs[run + NEWER] = NONE;
    if (this.#newest === NONE) this.#oldest = run;
    else runs[this.#newest + NEWER] = run;
    this.#newest = run;
  }

  #outOfUse(run: number): void {
    const runs = this.#runs;
    const older = runs[run + OLDER]!;
    const newer = runs[run + NEWER]!;
    if (older === NONE) this.#oldest = newer;
    else runs[older + NEWER] = newer;
    if (newer === NONE) this.#newest = older;
    else runs[newer + OLDER] = older;
  }

  #recycle(run: number): void {
    this.#runs[run + AFTER] = this.#unused;
    this.#unused = run;
  }

  #allocate(): number {
    const reused = this.#unused;
    if (reused !== NONE) {
      this.#unused = this.#runs[reused + AFTER]!;
      return reused;
    }
    const added = this.#runsEnd;
    this.#runsEnd += RUN_WORDS;
    if (added === this.#runs.length) {
      const grown = new Int32Array(2 * added);
      grown.set(this.#runs);
      this.#runs = grown;
    }
    return added;
  }
}
