import { grown } from "./block-table.ts";
import type { KeyRuns } from "./key-runs.ts";

const FIRST_EXTENTS = 256;
const NONE = -1;

/** Words of an extent's record. */
export const SERVER = 0;
export const RUN = 1;
/** Blocks `FROM` to `TO` of the run, the latter not included. */
export const FROM = 2;
export const TO = 3;
/** Neighbours in the server's LRU; NONE at the ends. A free extent's NEWER is the next free one. */
const OLDER = 4;
export const NEWER = 5;
/** Neighbours among the extents of the run; NONE at the ends. */
const PREVIOUS_IN_RUN = 6;
export const NEXT_IN_RUN = 7;
export const EXTENT_WORDS = 8;

const FIRST_SERVERS = 32;

/**
 * Which blocks of which run each server holds, as extents: stretches of a run that lie next to each other in a server's
 * LRU, front to back. An extent is in two lists, both doubly linked: its server's LRU and its run's extents. A run's
 * owner word is its first extent.
 */
export class ServerExtents {
  /** Records, EXTENT_WORDS apart; replaced when they grow. */
  records = new Int32Array(FIRST_EXTENTS * EXTENT_WORDS);
  #highWater = 0;
  #free = NONE;
  #oldest = new Int32Array(FIRST_SERVERS).fill(NONE);
  #newest = new Int32Array(FIRST_SERVERS).fill(NONE);
  readonly #runs: KeyRuns;

  constructor(runs: KeyRuns) {
    this.#runs = runs;
  }

  /** A server's extent touched longest ago; -1 for none. */
  oldest(server: number): number {
    return this.#oldest[server] ?? NONE;
  }

  ensureServer(server: number): void {
    const servers = this.#oldest.length;
    if (server < servers) return;
    const length = Math.max(2 * servers, server + 1);
    this.#oldest = grown(this.#oldest, length).fill(NONE, servers);
    this.#newest = grown(this.#newest, length).fill(NONE, servers);
  }

  /**
   * The server's extent that has block `at` of a run, else the first one behind it, else -1. The one that has it moves
   * to the front of the run's extents: the next prompt asks for it again.
   */
  find(server: number, run: number, at: number): number {
    const records = this.records;
    let nearest = NONE;
    let nearestFrom = Number.POSITIVE_INFINITY;
    const first = this.#runs.owner(run);
    for (let extent = first; extent >= 0; extent = records[extent * EXTENT_WORDS + NEXT_IN_RUN]!) {
      const record = extent * EXTENT_WORDS;
      if (records[record] !== server || records[record + TO]! <= at) continue;
      const from = records[record + FROM]!;
      if (from <= at) {
        if (extent !== first) {
          this.#leaveRun(extent);
          this.#joinRun(extent, run);
        }
        return extent;
      }
      if (from < nearestFrom) {
        nearest = extent;
        nearestFrom = from;
      }
    }
    return nearest;
  }

  /** Makes blocks `from` to `to` of a run, which no extent of the server has, its newest. */
  append(server: number, run: number, from: number, to: number): void {
    if (this.#continueNewest(server, run, from, to)) return;
    const extent = this.#add(server, run, from, to);
    this.#link(extent, this.#newest[server]!, NONE);
  }

  /** Makes blocks `from` to `to` of one extent the server's newest. */
  renew(extent: number, from: number, to: number): void {
    const record = extent * EXTENT_WORDS;
    const { records } = this;
    const server = records[record]!;
    const run = records[record + RUN]!;
    const isFront = records[record + FROM] === from;
    const isBack = records[record + TO] === to;
    if (isFront && isBack) {
      if (this.#newest[server] === extent) return;
      if (this.#continueNewest(server, run, from, to)) {
        this.drop(extent);
        return;
      }
      this.#unlink(extent);
      this.#link(extent, this.#newest[server]!, NONE);
      return;
    }
    if (isFront) records[record + FROM] = to;
    else {
      if (!isBack) {
        const rest = this.#add(server, run, to, records[record + TO]!);
        this.#link(rest, extent, this.records[record + NEWER]!);
      }
      this.records[record + TO] = from;
    }
    this.append(server, run, from, to);
  }

  /**
   * Takes an extent out.
   *
   * @returns whether it was the last of its run
   */
  drop(extent: number): boolean {
    this.#unlink(extent);
    this.#leaveRun(extent);
    const record = extent * EXTENT_WORDS;
    this.records[record + NEWER] = this.#free;
    this.#free = extent;
    return this.#runs.owner(this.records[record + RUN]!) < 0;
  }

  #continueNewest(server: number, run: number, from: number, to: number): boolean {
    const newest = this.#newest[server]! * EXTENT_WORDS;
    if (newest < 0 || this.records[newest + TO] !== from || this.records[newest + RUN] !== run) return false;
    this.records[newest + TO] = to;
    return true;
  }

  #add(server: number, run: number, from: number, to: number): number {
    let extent = this.#free;
    if (extent >= 0) this.#free = this.records[extent * EXTENT_WORDS + NEWER]!;
    else {
      extent = this.#highWater++;
      if (extent * EXTENT_WORDS >= this.records.length) this.records = grown(this.records);
    }
    const { records } = this;
    const record = extent * EXTENT_WORDS;
    records[record] = server;
    records[record + RUN] = run;
    records[record + FROM] = from;
    records[record + TO] = to;
    this.#joinRun(extent, run);
    return extent;
  }

  #joinRun(extent: number, run: number): void {
    const { records } = this;
    const first = this.#runs.owner(run);
    records[extent * EXTENT_WORDS + NEXT_IN_RUN] = first;
    records[extent * EXTENT_WORDS + PREVIOUS_IN_RUN] = NONE;
    if (first >= 0) records[first * EXTENT_WORDS + PREVIOUS_IN_RUN] = extent;
    this.#runs.setOwner(run, extent);
  }

  #leaveRun(extent: number): void {
    const { records } = this;
    const record = extent * EXTENT_WORDS;
    const previous = records[record + PREVIOUS_IN_RUN]!;
    const next = records[record + NEXT_IN_RUN]!;
    if (previous >= 0) records[previous * EXTENT_WORDS + NEXT_IN_RUN] = next;
    else this.#runs.setOwner(records[record + RUN]!, next);
    if (next >= 0) records[next * EXTENT_WORDS + PREVIOUS_IN_RUN] = previous;
  }

  /** Puts an extent between two neighbours of its server's LRU. */
  #link(extent: number, older: number, newer: number): void {
    const { records } = this;
    const record = extent * EXTENT_WORDS;
    const server = records[record]!;
    records[record + OLDER] = older;
    records[record + NEWER] = newer;
    if (older >= 0) records[older * EXTENT_WORDS + NEWER] = extent;
    else this.#oldest[server] = extent;
    if (newer >= 0) records[newer * EXTENT_WORDS + OLDER] = extent;
    else this.#newest[server] = extent;
  }

  #unlink(extent: number): void {
    const { records } = this;
    const record = extent * EXTENT_WORDS;
    const server = records[record]!;
    const older = records[record + OLDER]!;
    const newer = records[record + NEWER]!;
    if (older >= 0) records[older * EXTENT_WORDS + NEWER] = newer;
    else this.#oldest[server] = newer;
    if (newer >= 0) records[newer * EXTENT_WORDS + OLDER] = older;
    else this.#newest[server] = older;
  }
}
