import { BlockTable, grown } from "./block-table.ts";
import type { PromptBlocks } from "./prompt-blocks.ts";

const FIRST_ENTRIES = 1024;
const FIRST_SERVERS = 32;
const NONE = -1;

/** Words of an entry, in one record since they are read together. */
const BLOCK = 0;
const SERVER = 1;
/** The next entry of the same block; NONE at the end. */
const NEXT_HOLDER = 2;
/** Neighbours in the server's LRU; NONE at the ends. A free entry's NEWER is the next free one. */
const OLDER = 3;
const NEWER = 4;
const ENTRY_WORDS = 5;

/** Words of a block's payload: its first entry, then the bit mask of its holders. */
const FIRST_ENTRY = 0;
const HOLDERS = 1;

/**
 * Which server is thought to hold which block: what llm-d's approximate index keeps (llm-d-router,
 * `dataproducer/approximateprefix/indexer.go`): hash to servers, and one LRU of fixed capacity per server.
 *
 * An entry is a (block, server) pair. It is a node of two lists: the server's LRU, doubly linked, and the block's
 * holders, singly linked. A bit mask of holders per block answers "who" and "does this one" without walking. The
 * blocks of one prompt lie next to each other in its server's LRU, so that refreshing them finds each entry as the
 * neighbour of the one before, and moves whole runs at once: the order that results is that of moving block by block.
 */
export class ApproxPrefixIndex {
  #holderWords = 1;
  readonly #table = new BlockTable(HOLDERS + 1);
  /** Grows by one whenever a block is forgotten: ids found before may then mean another block. */
  #version = 0;
  #entries = new Int32Array(FIRST_ENTRIES * ENTRY_WORDS);
  #entriesHighWater = 0;
  #freeEntry = NONE;
  #oldest = new Int32Array(FIRST_SERVERS).fill(NONE);
  #newest = new Int32Array(FIRST_SERVERS).fill(NONE);
  #sizeBlocks = new Int32Array(FIRST_SERVERS);
  /** 0 until the server's first insert fixes it. */
  #capacityBlocks = new Int32Array(FIRST_SERVERS);

  /** Blocks that a server is thought to hold. */
  sizeBlocks(server: number): number {
    return this.#sizeBlocks[server] ?? 0;
  }

  /** Distinct blocks held by any server. */
  get blocks(): number {
    return this.#table.size;
  }

  /** Blocks of a server from the oldest to the newest, as `[hi, lo]`; for tests and state dumps. */
  blocksOf(server: number): [number, number][] {
    const blocks: [number, number][] = [];
    for (let entry = this.#oldest[server] ?? NONE; entry >= 0; entry = this.#entries[entry * ENTRY_WORDS + NEWER]!) {
      const block = this.#entries[entry * ENTRY_WORDS + BLOCK]!;
      blocks.push([this.#table.hi(block), this.#table.lo(block)]);
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
    const { ids } = prompt;
    prompt.version = this.#version;
    const end = this.#table.findChain(prompt.hi, prompt.lo, from, to, ids);
    const { records, strideWords } = this.#table;
    const words = this.#holderWords;
    // Neighbouring blocks mostly have the same holders: these are credited once per run.
    let runFrom = from;
    const first = this.#table.payload(0) + HOLDERS;
    let before = end > from ? this.#table.payload(ids[from]!) + HOLDERS : 0;
    for (let i = from + 1; i < end; i++) {
      const holders = Math.imul(ids[i]!, strideWords) + first;
      let word = 0;
      while (word < words && records[holders + word] === records[before + word]) word++;
      before = holders;
      if (word === words) continue;
      this.#credit(ids[runFrom]!, i - runFrom, matchBlocks);
      runFrom = i;
    }
    if (end > from) this.#credit(ids[runFrom]!, end - runFrom, matchBlocks);
    for (let i = end; i < to; i++) ids[i] = NONE;
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
    const { hi, lo, ids } = prompt;
    let entries = this.#entries;
    let idsHold = prompt.version === this.#version;
    let previous = NONE;
    let runFirst = NONE;
    let runLast = NONE;
    for (let i = from; i < to; i++) {
      let id = idsHold ? ids[i]! : NONE;
      if (id < 0) id = this.#table.find(hi[i]!, lo[i]!, previous);
      const neighbour = runLast >= 0 ? entries[runLast * ENTRY_WORDS + NEWER]! : NONE;
      if (id >= 0 && neighbour >= 0 && entries[neighbour * ENTRY_WORDS + BLOCK] === id) {
        runLast = neighbour;
      } else {
        if (runFirst >= 0) this.#moveToNewest(server, runFirst, runLast);
        if (id < 0) id = this.#addBlock(hi[i]!, lo[i]!, previous);
        runFirst = this.#entryOf(id, server);
        runLast = runFirst;
        if (runFirst < 0) {
          this.#addEntry(id, server);
          entries = this.#entries;
          // The addition may have evicted a block further on in this very prompt.
          idsHold = prompt.version === this.#version;
        }
      }
      previous = id;
    }
    if (runFirst >= 0) this.#moveToNewest(server, runFirst, runLast);
  }

  /** Forgets a server and what it held. */
  remove(server: number): void {
    if (server >= this.#oldest.length) return;
    while (this.#oldest[server]! >= 0) this.#freeOldest(server);
    this.#capacityBlocks[server] = 0;
  }

  #credit(id: number, blocks: number, matchBlocks: Float64Array): void {
    const holders = this.#table.payload(id) + HOLDERS;
    for (let word = 0; word < this.#holderWords; word++) {
      for (let mask = this.#table.records[holders + word]!; mask !== 0; mask &= mask - 1) {
        const server = 32 * word + 31 - Math.clz32(mask & -mask);
        matchBlocks[server] = matchBlocks[server]! + blocks;
      }
    }
  }

  #addBlock(hi: number, lo: number, previous: number): number {
    const id = this.#table.insert(hi, lo, previous);
    this.#table.records[this.#table.payload(id) + FIRST_ENTRY] = NONE;
    return id;
  }

  #entryOf(id: number, server: number): number {
    const { records } = this.#table;
    const payload = this.#table.payload(id);
    if ((records[payload + HOLDERS + (server >>> 5)]! & (1 << (server & 31))) === 0) return NONE;
    const entries = this.#entries;
    let entry = records[payload + FIRST_ENTRY]!;
    while (entries[entry * ENTRY_WORDS + SERVER] !== server) entry = entries[entry * ENTRY_WORDS + NEXT_HOLDER]!;
    return entry;
  }

  #addEntry(id: number, server: number): void {
    if (this.#sizeBlocks[server]! >= this.#capacityBlocks[server]!) this.#freeOldest(server);
    let entry = this.#freeEntry;
    if (entry >= 0) this.#freeEntry = this.#entries[entry * ENTRY_WORDS + NEWER]!;
    else {
      entry = this.#entriesHighWater++;
      if (entry * ENTRY_WORDS >= this.#entries.length) this.#entries = grown(this.#entries);
    }
    const { records } = this.#table;
    const payload = this.#table.payload(id);
    const at = entry * ENTRY_WORDS;
    this.#entries[at + BLOCK] = id;
    this.#entries[at + SERVER] = server;
    this.#entries[at + NEXT_HOLDER] = records[payload + FIRST_ENTRY]!;
    records[payload + FIRST_ENTRY] = entry;
    const word = payload + HOLDERS + (server >>> 5);
    records[word] = records[word]! | (1 << (server & 31));
    this.#link(server, entry, entry);
    this.#sizeBlocks[server] = this.#sizeBlocks[server]! + 1;
  }

  /** Puts the run `first..last`, already linked inside, behind the server's newest entry. */
  #link(server: number, first: number, last: number): void {
    const entries = this.#entries;
    const newest = this.#newest[server]!;
    entries[first * ENTRY_WORDS + OLDER] = newest;
    entries[last * ENTRY_WORDS + NEWER] = NONE;
    if (newest >= 0) entries[newest * ENTRY_WORDS + NEWER] = first;
    else this.#oldest[server] = first;
    this.#newest[server] = last;
  }

  #moveToNewest(server: number, first: number, last: number): void {
    const entries = this.#entries;
    const after = entries[last * ENTRY_WORDS + NEWER]!;
    if (after < 0) return;
    const before = entries[first * ENTRY_WORDS + OLDER]!;
    entries[after * ENTRY_WORDS + OLDER] = before;
    if (before >= 0) entries[before * ENTRY_WORDS + NEWER] = after;
    else this.#oldest[server] = after;
    this.#link(server, first, last);
  }

  #freeOldest(server: number): void {
    const entries = this.#entries;
    const entry = this.#oldest[server]!;
    const at = entry * ENTRY_WORDS;
    const after = entries[at + NEWER]!;
    this.#oldest[server] = after;
    if (after >= 0) entries[after * ENTRY_WORDS + OLDER] = NONE;
    else this.#newest[server] = NONE;
    this.#sizeBlocks[server] = this.#sizeBlocks[server]! - 1;
    this.#dropHolder(entries[at + BLOCK]!, entry, server);
    entries[at + NEWER] = this.#freeEntry;
    this.#freeEntry = entry;
  }

  /** Takes an entry out of its block's holders, and forgets a block that has none left. */
  #dropHolder(id: number, entry: number, server: number): void {
    const entries = this.#entries;
    const { records } = this.#table;
    const payload = this.#table.payload(id);
    const next = entries[entry * ENTRY_WORDS + NEXT_HOLDER]!;
    const first = records[payload + FIRST_ENTRY]!;
    if (first === entry) {
      records[payload + FIRST_ENTRY] = next;
      if (next < 0) {
        this.#table.release(id);
        this.#version++;
        return;
      }
    } else {
      let holder = first * ENTRY_WORDS;
      while (entries[holder + NEXT_HOLDER] !== entry) holder = entries[holder + NEXT_HOLDER]! * ENTRY_WORDS;
      entries[holder + NEXT_HOLDER] = next;
    }
    const word = payload + HOLDERS + (server >>> 5);
    records[word] = records[word]! & ~(1 << (server & 31));
  }

  #ensureServer(server: number): void {
    const servers = this.#oldest.length;
    if (server < servers) return;
    const length = 32 * Math.ceil(Math.max(2 * servers, server + 1) / 32);
    this.#oldest = grown(this.#oldest, length).fill(NONE, servers);
    this.#newest = grown(this.#newest, length).fill(NONE, servers);
    this.#sizeBlocks = grown(this.#sizeBlocks, length);
    this.#capacityBlocks = grown(this.#capacityBlocks, length);
    this.#holderWords = length / 32;
    this.#table.widen(HOLDERS + this.#holderWords);
  }
}
