import { grown } from "./block-table.ts";
import { KeyRuns } from "./key-runs.ts";
import { PART_LENGTH, PART_OFFSET, PART_RUN, PART_WORDS, type PromptBlocks } from "./prompt-blocks.ts";
import { EXTENT_WORDS, FROM, NEWER, NEXT_IN_RUN, RUN, SERVER, ServerExtents, TO } from "./server-extents.ts";

const FIRST_SERVERS = 32;
const NONE = -1;
/** In place of a part's run: no run has the block there, and so none has those after it. */
const ABSENT = -2;

/**
 * Which server is thought to hold which block: what llm-d's approximate index keeps (llm-d-router,
 * `dataproducer/approximateprefix/indexer.go`): hash to servers, and one LRU of fixed capacity per server.
 *
 * It answers and evicts as block by block, and works by the stretch: keys are kept in runs, and what a server holds as
 * extents of runs. What a prompt costs is the number of turns that it took to come about, not its number of blocks.
 */
export class ApproxPrefixIndex {
  readonly #runs = new KeyRuns();
  readonly #extents = new ServerExtents(this.#runs);
  /** Grows whenever a run is forgotten or blocks are added: what was found before may then not be so. */
  #version = 0;
  #sizeBlocks = new Int32Array(FIRST_SERVERS);
  /** 0 until the server's first insert fixes it. */
  #capacityBlocks = new Int32Array(FIRST_SERVERS);

  /** Blocks that a server is thought to hold. */
  sizeBlocks(server: number): number {
    return this.#sizeBlocks[server] ?? 0;
  }

  /** Distinct blocks held by any server; costs a pass over the index. */
  get blocks(): number {
    let blocks = 0;
    for (let run = 0; run < this.#runs.highWater; run++) {
      const keys = this.#runs.keysOf(run);
      for (let from = 0; from < keys; from++) if (this.#heldTo(run, from, from + 1) > from) blocks++;
    }
    return blocks;
  }

  /** Blocks of a server from the oldest to the newest, as `[hi, lo]`; for tests and state dumps. */
  blocksOf(server: number): [number, number][] {
    const { records } = this.#extents;
    const blocks: [number, number][] = [];
    for (let extent = this.#extents.oldest(server); extent >= 0; extent = records[extent * EXTENT_WORDS + NEWER]!) {
      const record = extent * EXTENT_WORDS;
      const to = records[record + TO]!;
      for (let at = records[record + FROM]!; at < to; at++) blocks.push(this.#runs.keyAt(records[record + RUN]!, at));
    }
    return blocks;
  }

  /**
   * Walks a prompt's blocks up to the first that no server holds, and adds one to `matchBlocks[server]` for every
   * holder of every block on the way: a server need not hold them all. Refreshes nothing.
   *
   * @param from where the prompt starts in `prompt`
   * @param to where it ends
   */
  match(prompt: PromptBlocks, from: number, to: number, matchBlocks: Float64Array): void {
    prompt.version = this.#version;
    const { parts } = prompt;
    let run = NONE;
    let runEnd = 0;
    let i = from;
    let next = NONE;
    while (i < to) {
      const length = this.#runs.findPart(prompt, i, to, run, runEnd);
      if (length === 0) {
        next = ABSENT;
        break;
      }
      run = parts[i * PART_WORDS + PART_RUN]!;
      const offset = parts[i * PART_WORDS + PART_OFFSET]!;
      const heldTo = this.#heldTo(run, offset, offset + length);
      this.#credit(run, offset, heldTo, matchBlocks);
      runEnd = offset + length;
      i += length;
      if (heldTo < runEnd) break;
    }
    parts[i * PART_WORDS + PART_RUN] = next;
  }

  /**
   * Marks a prompt's blocks most recent in a server's LRU, front to back, adding those it lacks; each addition beyond
   * the capacity evicts the server's oldest block.
   *
   * @param capacityBlocks taken at the server's first insert, ignored after
   */
  insert(server: number, prompt: PromptBlocks, from: number, to: number, capacityBlocks: number): void {
    this.#ensureServer(server);
    if (this.#capacityBlocks[server] === 0) this.#capacityBlocks[server] = Math.max(1, capacityBlocks);
    const runs = this.#runs;
    const { parts } = prompt;
    // An addition may evict blocks further on in this very prompt, and with them their run.
    let isMatched = true;
    let isNew = false;
    let run = NONE;
    let runEnd = 0;
    for (let i = from; i < to; ) {
      const part = i * PART_WORDS;
      if (!isNew) {
        isMatched = isMatched && prompt.version === this.#version && parts[part + PART_RUN] !== NONE;
        if (isMatched) isNew = parts[part + PART_RUN] === ABSENT;
        else isNew = runs.findPart(prompt, i, to, run, runEnd) === 0;
      }
      if (isNew) {
        runs.addPart(prompt, i, to, run, run >= 0 && runEnd === runs.keysOf(run));
        this.#version++;
      }
      run = parts[part + PART_RUN]!;
      const offset = parts[part + PART_OFFSET]!;
      const length = parts[part + PART_LENGTH]!;
      runEnd = offset + length;
      if (isNew) this.#append(server, run, offset, runEnd);
      else this.#refresh(server, run, offset, runEnd);
      i += length;
    }
  }

  /** Forgets a server and what it held. */
  remove(server: number): void {
    if (server >= this.#sizeBlocks.length) return;
    for (let extent = this.#extents.oldest(server); extent >= 0; extent = this.#extents.oldest(server)) {
      this.#drop(extent);
    }
    this.#sizeBlocks[server] = 0;
    this.#capacityBlocks[server] = 0;
  }

  /** The first block of a run, from `from` on, that no server holds; `to` when all before it are held. */
  #heldTo(run: number, from: number, to: number): number {
    const { records } = this.#extents;
    let heldTo = from;
    for (let before = NONE; heldTo < to && heldTo !== before; ) {
      before = heldTo;
      let record = this.#runs.owner(run) * EXTENT_WORDS;
      for (; record >= 0 && heldTo < to; record = records[record + NEXT_IN_RUN]! * EXTENT_WORDS) {
        if (records[record + FROM]! <= heldTo && records[record + TO]! > heldTo) heldTo = records[record + TO]!;
      }
    }
    return Math.min(heldTo, to);
  }

  /** Credits each holder of each block of a stretch. */
  #credit(run: number, from: number, to: number, matchBlocks: Float64Array): void {
    const { records } = this.#extents;
    let record = this.#runs.owner(run) * EXTENT_WORDS;
    for (; record >= 0; record = records[record + NEXT_IN_RUN]! * EXTENT_WORDS) {
      const heldFrom = records[record + FROM]!;
      const heldTo = records[record + TO]!;
      const blocks = (heldTo < to ? heldTo : to) - (heldFrom > from ? heldFrom : from);
      if (blocks <= 0) continue;
      const server = records[record + SERVER]!;
      matchBlocks[server] = matchBlocks[server]! + blocks;
    }
  }

  /** Makes a stretch of a run a server's newest, by pieces that it holds in one extent or does not hold. */
  #refresh(server: number, run: number, from: number, to: number): void {
    const extents = this.#extents;
    for (let at = from; at < to; ) {
      const extent = extents.find(server, run, at);
      const heldFrom = extent < 0 ? to : extents.records[extent * EXTENT_WORDS + FROM]!;
      let end = to;
      if (heldFrom <= at && extent >= 0) {
        end = Math.min(to, extents.records[extent * EXTENT_WORDS + TO]!);
        extents.renew(extent, at, end);
      } else {
        end = Math.min(to, heldFrom);
        this.#append(server, run, at, end);
      }
      at = end;
    }
  }

  /** Adds blocks that a server lacks, as its newest. */
  #append(server: number, run: number, from: number, to: number): void {
    this.#extents.append(server, run, from, to);
    const sizeBlocks = this.#sizeBlocks[server]! + to - from;
    this.#sizeBlocks[server] = sizeBlocks;
    if (sizeBlocks > this.#capacityBlocks[server]!) this.#evict(server);
  }

  /** Drops a server's oldest blocks beyond its capacity. */
  #evict(server: number): void {
    const extents = this.#extents;
    let excess = this.#sizeBlocks[server]! - this.#capacityBlocks[server]!;
    this.#sizeBlocks[server] = this.#capacityBlocks[server]!;
    while (excess > 0) {
      const oldest = extents.oldest(server);
      const { records } = extents;
      const record = oldest * EXTENT_WORDS;
      const blocks = records[record + TO]! - records[record + FROM]!;
      if (blocks > excess) records[record + FROM] = records[record + FROM]! + excess;
      else this.#drop(oldest);
      excess -= blocks;
    }
  }

  #drop(extent: number): void {
    const run = this.#extents.records[extent * EXTENT_WORDS + RUN]!;
    if (this.#extents.drop(extent) && this.#runs.freeUnowned(run)) this.#version++;
  }

  #ensureServer(server: number): void {
    this.#extents.ensureServer(server);
    const servers = this.#sizeBlocks.length;
    if (server < servers) return;
    const length = Math.max(2 * servers, server + 1);
    this.#sizeBlocks = grown(this.#sizeBlocks, length);
    this.#capacityBlocks = grown(this.#capacityBlocks, length);
  }
}
