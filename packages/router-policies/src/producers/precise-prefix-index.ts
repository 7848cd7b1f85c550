import { BlockTable, grown } from "./block-table.ts";
import type { PromptBlocks } from "./prompt-blocks.ts";
import { RecencyList } from "./recency-list.ts";

const FIRST_ENTRIES = 1024;
const FIRST_SERVERS = 32;
const NONE = -1;

/** Words of an entry: one tier of one server that holds a block. */
const BLOCK = 0;
/** server · 256 + tier. */
const HOLDER = 1;
/** Times stored less times removed. */
const COUNT = 2;
/** The block's next entry, less recently stored; in a free entry, the next free one. */
const NEXT = 3;
const ENTRY_WORDS = 4;

/** Words of a block's payload: first entry, entries, entries of a weight other than 1, then a bit mask of servers. */
const FIRST_ENTRY = 0;
const ENTRIES = 1;
const WEIGHTED = 2;
const SERVERS = 3;

const TIER_BITS = 8;
const TIER_MASK = (1 << TIER_BITS) - 1;

/** Limits and weights of a {@link PrecisePrefixIndex}. */
export interface PrecisePrefixIndexOptions {
  /** Blocks held at most; beyond it the block looked up or stored longest ago goes. */
  readonly sizeBlocks: number;
  /** (server, tier) pairs held at most of one block; beyond it the one stored longest ago goes. */
  readonly podCacheSize: number;
  /** Weight of each tier by number; 1 for those beyond the list. */
  readonly tierWeights: readonly number[];
}

/** Above this many blocks the limit is beyond what memory holds, so that no order of use is kept for it. */
const UNREACHABLE_SIZE_BLOCKS = 1e8;

/**
 * Which server holds which block in which tier, as the engines report it (llm-d-router, `pkg/kvcache/kvblock`,
 * `in_memory.go`). Stores and removals are counted, since an engine may hold a block twice.
 */
export class PrecisePrefixIndex {
  readonly #options: PrecisePrefixIndexOptions;
  #serverWords = 1;
  readonly #table = new BlockTable(SERVERS + 1);
  #entries = new Int32Array(FIRST_ENTRIES * ENTRY_WORDS);
  #entriesHighWater = 0;
  #freeEntry = NONE;
  readonly #order: RecencyList | undefined;
  /** Scratch of `match`, by word: servers that hold every block so far. */
  #active = new Int32Array(1);
  /** Scratch of `match`, by server: its sum, up to which block, and the best weight in the block at hand. */
  #sum = new Float64Array(FIRST_SERVERS);
  #summedTo = new Int32Array(FIRST_SERVERS);
  #best = new Float64Array(FIRST_SERVERS).fill(NONE);

  constructor(options: PrecisePrefixIndexOptions) {
    this.#options = options;
    this.#order = options.sizeBlocks < UNREACHABLE_SIZE_BLOCKS ? new RecencyList() : undefined;
  }

  /** Blocks that any server holds. */
  get blocks(): number {
    return this.#table.size;
  }

  /** A server now holds `count` more blocks, whose keys start at `from`, in a tier. */
  stored(server: number, tier: number, hi: Int32Array, lo: Int32Array, from: number, count: number): void {
    this.#ensureServer(server);
    const table = this.#table;
    const holder = (server << TIER_BITS) | tier;
    let previous = NONE;
    for (let i = from; i < from + count; i++) {
      let id = table.find(hi[i]!, lo[i]!, previous);
      if (id < 0) id = this.#addBlock(hi[i]!, lo[i]!, previous);
      this.#order?.touch(id);
      this.#store(id, server, holder);
      previous = id;
    }
  }

  /** A server holds those blocks in that tier once less. Blocks that it does not hold are passed over. */
  removed(server: number, tier: number, hi: Int32Array, lo: Int32Array, from: number, count: number): void {
    const holder = (server << TIER_BITS) | tier;
    for (let i = from; i < from + count; i++) {
      const id = this.#table.find(hi[i]!, lo[i]!, NONE);
      if (id < 0) continue;
      let before = NONE;
      let entry = this.#table.records[this.#table.payload(id) + FIRST_ENTRY]!;
      while (entry >= 0 && this.#entries[entry * ENTRY_WORDS + HOLDER] !== holder) {
        before = entry;
        entry = this.#entries[entry * ENTRY_WORDS + NEXT]!;
      }
      if (entry < 0) continue;
      const left = this.#entries[entry * ENTRY_WORDS + COUNT]! - 1;
      this.#entries[entry * ENTRY_WORDS + COUNT] = left;
      if (left === 0) this.#drop(id, entry, before);
    }
  }

  /** A server holds nothing any more, in any tier. Costs a pass over the index, as upstream: it is rare. */
  cleared(server: number): void {
    for (let entry = 0; entry < this.#entriesHighWater; entry++) {
      const at = entry * ENTRY_WORDS;
      if (this.#entries[at + COUNT]! === 0 || this.#entries[at + HOLDER]! >>> TIER_BITS !== server) continue;
      const id = this.#entries[at + BLOCK]!;
      let before = NONE;
      let other = this.#table.records[this.#table.payload(id) + FIRST_ENTRY]!;
      while (other !== entry) {
        before = other;
        other = this.#entries[other * ENTRY_WORDS + NEXT]!;
      }
      this.#drop(id, entry, before);
    }
  }

  /**
   * Adds to `scores[server]` the sum, over the blocks from the prompt's front that the server holds without a gap, of
   * the weight of its best tier, and to `cached[server]` how many those blocks are.
   */
  match(prompt: PromptBlocks, from: number, to: number, scores: Float64Array, cached: Float64Array): void {
    const { ids } = prompt;
    const end = this.#table.findChain(prompt.hi, prompt.lo, from, to, ids);
    if (end === from) return;
    if (this.#order !== undefined) for (let i = from; i < end; i++) this.#order.touch(ids[i]!);
    const { records, strideWords } = this.#table;
    const first = this.#table.payload(0);
    const words = this.#serverWords;
    const active = this.#active;
    for (let word = 0; word < words; word++) {
      active[word] = records[this.#table.payload(ids[from]!) + SERVERS + word]!;
      this.#begin(word, active[word]!, from);
    }
    for (let i = from; i < end; i++) {
      const payload = Math.imul(ids[i]!, strideWords) + first;
      let alive = 0;
      for (let word = 0; word < words; word++) {
        const before = active[word]!;
        const holders = records[payload + SERVERS + word]!;
        if ((before & ~holders) !== 0) {
          this.#finish(word, before & ~holders, i, scores);
          addTo(cached, word, before & ~holders, i - from);
          active[word] = before & holders;
        }
        alive |= before & holders;
      }
      if (alive === 0) return;
      if (records[payload + WEIGHTED] !== 0) this.#addWeighted(payload, i);
    }
    for (let word = 0; word < words; word++) {
      this.#finish(word, active[word]!, end, scores);
      addTo(cached, word, active[word]!, end - from);
    }
  }

  #begin(word: number, servers: number, from: number): void {
    for (let mask = servers; mask !== 0; mask &= mask - 1) {
      const server = 32 * word + 31 - Math.clz32(mask & -mask);
      this.#sum[server] = 0;
      this.#summedTo[server] = from;
    }
  }

  #finish(word: number, servers: number, to: number, scores: Float64Array): void {
    for (let mask = servers; mask !== 0; mask &= mask - 1) {
      const server = 32 * word + 31 - Math.clz32(mask & -mask);
      this.#addOnes(server, to);
      scores[server] = scores[server]! + this.#sum[server]!;
    }
  }

  /** Catches up with blocks of weight 1: one at a time once the sum is a fraction, to round as upstream's loop does. */
  #addOnes(server: number, to: number): void {
    const ones = to - this.#summedTo[server]!;
    let sum = this.#sum[server]!;
    if (Number.isInteger(sum)) sum += ones;
    else for (let k = 0; k < ones; k++) sum += 1;
    this.#sum[server] = sum;
    this.#summedTo[server] = to;
  }

  /** Adds block `i` for the servers whose best tier of it has another weight than 1. */
  #addWeighted(payload: number, i: number): void {
    const first = this.#table.records[payload + FIRST_ENTRY]!;
    const entries = this.#entries;
    for (let entry = first; entry >= 0; entry = entries[entry * ENTRY_WORDS + NEXT]!) {
      const holder = entries[entry * ENTRY_WORDS + HOLDER]!;
      const server = holder >>> TIER_BITS;
      this.#best[server] = Math.max(this.#best[server]!, this.#weight(holder & TIER_MASK));
    }
    for (let entry = first; entry >= 0; entry = entries[entry * ENTRY_WORDS + NEXT]!) {
      const server = entries[entry * ENTRY_WORDS + HOLDER]! >>> TIER_BITS;
      const weight = this.#best[server]!;
      this.#best[server] = NONE;
      if (weight === NONE || weight === 1 || !this.#isActive(server)) continue;
      this.#addOnes(server, i);
      this.#sum[server] = this.#sum[server]! + weight;
      this.#summedTo[server] = i + 1;
    }
  }

  #isActive(server: number): boolean {
    return (this.#active[server >>> 5]! & (1 << (server & 31))) !== 0;
  }

  #weight(tier: number): number {
    return this.#options.tierWeights[tier] ?? 1;
  }

  #addBlock(hi: number, lo: number, previous: number): number {
    if (this.#order !== undefined && this.#table.size >= this.#options.sizeBlocks) {
      const oldest = this.#order.oldest;
      this.#forget(oldest);
      if (oldest === previous) return this.#addBlock(hi, lo, NONE);
    }
    const id = this.#table.insert(hi, lo, previous);
    this.#table.records[this.#table.payload(id) + FIRST_ENTRY] = NONE;
    return id;
  }

  /** Drops a block with all its entries. */
  #forget(id: number): void {
    const payload = this.#table.payload(id);
    for (let left = this.#table.records[payload + ENTRIES]!; left > 0; left--) {
      this.#drop(id, this.#table.records[payload + FIRST_ENTRY]!, NONE);
    }
  }

  /** Counts one more, and makes the entry the block's most recent. */
  #store(id: number, server: number, holder: number): void {
    const entries = this.#entries;
    const { records } = this.#table;
    const payload = this.#table.payload(id);
    const word = payload + SERVERS + (server >>> 5);
    const bit = 1 << (server & 31);
    if ((records[word]! & bit) !== 0) {
      let before = NONE;
      let entry = records[payload + FIRST_ENTRY]!;
      while (entry >= 0 && entries[entry * ENTRY_WORDS + HOLDER] !== holder) {
        before = entry;
        entry = entries[entry * ENTRY_WORDS + NEXT]!;
      }
      if (entry >= 0) {
        const at = entry * ENTRY_WORDS;
        entries[at + COUNT] = entries[at + COUNT]! + 1;
        if (before < 0) return;
        entries[before * ENTRY_WORDS + NEXT] = entries[at + NEXT]!;
        entries[at + NEXT] = records[payload + FIRST_ENTRY]!;
        records[payload + FIRST_ENTRY] = entry;
        return;
      }
    }
    this.#addEntry(id, payload, holder);
    records[word] = records[word]! | bit;
    if (records[payload + ENTRIES]! > this.#options.podCacheSize) this.#dropLast(id);
  }

  #addEntry(id: number, payload: number, holder: number): void {
    let entry = this.#freeEntry;
    if (entry >= 0) this.#freeEntry = this.#entries[entry * ENTRY_WORDS + NEXT]!;
    else {
      entry = this.#entriesHighWater++;
      if (entry * ENTRY_WORDS >= this.#entries.length) this.#entries = grown(this.#entries);
    }
    const { records } = this.#table;
    const at = entry * ENTRY_WORDS;
    this.#entries[at + BLOCK] = id;
    this.#entries[at + HOLDER] = holder;
    this.#entries[at + COUNT] = 1;
    this.#entries[at + NEXT] = records[payload + FIRST_ENTRY]!;
    records[payload + FIRST_ENTRY] = entry;
    records[payload + ENTRIES] = records[payload + ENTRIES]! + 1;
    if (this.#weight(holder & TIER_MASK) !== 1) records[payload + WEIGHTED] = records[payload + WEIGHTED]! + 1;
  }

  #dropLast(id: number): void {
    let before = NONE;
    let entry = this.#table.records[this.#table.payload(id) + FIRST_ENTRY]!;
    for (let next = entry; next >= 0; next = this.#entries[next * ENTRY_WORDS + NEXT]!) {
      if (next !== entry) before = entry;
      entry = next;
    }
    this.#drop(id, entry, before);
  }

  /** Takes an entry, `before` its predecessor, out of its block, and forgets a block that has none left. */
  #drop(id: number, entry: number, before: number): void {
    const entries = this.#entries;
    const { records } = this.#table;
    const payload = this.#table.payload(id);
    const at = entry * ENTRY_WORDS;
    const holder = entries[at + HOLDER]!;
    if (before < 0) records[payload + FIRST_ENTRY] = entries[at + NEXT]!;
    else entries[before * ENTRY_WORDS + NEXT] = entries[at + NEXT]!;
    entries[at + COUNT] = 0;
    entries[at + NEXT] = this.#freeEntry;
    this.#freeEntry = entry;
    records[payload + ENTRIES] = records[payload + ENTRIES]! - 1;
    if (this.#weight(holder & TIER_MASK) !== 1) records[payload + WEIGHTED] = records[payload + WEIGHTED]! - 1;
    if (records[payload + ENTRIES] === 0) {
      this.#table.release(id);
      this.#order?.remove(id);
    } else this.#clearServerBit(payload, holder >>> TIER_BITS);
  }

  #clearServerBit(payload: number, server: number): void {
    const { records } = this.#table;
    const entries = this.#entries;
    for (let entry = records[payload + FIRST_ENTRY]!; entry >= 0; entry = entries[entry * ENTRY_WORDS + NEXT]!) {
      if (entries[entry * ENTRY_WORDS + HOLDER]! >>> TIER_BITS === server) return;
    }
    const word = payload + SERVERS + (server >>> 5);
    records[word] = records[word]! & ~(1 << (server & 31));
  }

  #ensureServer(server: number): void {
    const servers = this.#summedTo.length;
    if (server < servers) return;
    const length = 32 * Math.ceil(Math.max(2 * servers, server + 1) / 32);
    this.#summedTo = grown(this.#summedTo, length);
    this.#sum = new Float64Array(length);
    this.#best = new Float64Array(length).fill(NONE);
    this.#serverWords = length / 32;
    this.#active = new Int32Array(this.#serverWords);
    this.#table.widen(SERVERS + this.#serverWords);
  }
}

/** Adds to the values of the servers of a mask. */
function addTo(values: Float64Array, word: number, servers: number, amount: number): void {
  for (let mask = servers; mask !== 0; mask &= mask - 1) {
    const server = 32 * word + 31 - Math.clz32(mask & -mask);
    values[server] = values[server]! + amount;
  }
}
