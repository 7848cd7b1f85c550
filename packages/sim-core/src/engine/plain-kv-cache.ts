import type { KvBlockListener } from "./kv-connector.ts";
import type { KvEventLog } from "./kv-event-log.ts";
import type { PromptStreams } from "./prompt-streams.ts";

/** One block of KV memory. */
interface Block {
  /** What it is findable by; null when nobody can find it. */
  key: string | null;
  segment: number;
  index: number;
  references: number;
}

/** What one request holds. */
export interface PlainHolding {
  /** Findable blocks from the start of its prompt, in order; some may be other requests' as well. */
  findable: Block[];
  /** Blocks that only it knows. */
  hidden: Block[];
  tokens: number;
}

/**
 * The reference for `KvCache`: the same cache with one object per block, a `Map` from key to block and the free queue as
 * an array. Slow, and short enough to be checked against vLLM's `block_pool.py` by eye.
 */
export class PlainKvCache {
  readonly totalBlocks: number;
  evictedBlocks = 0;
  readonly #blockSizeTokens: number;
  readonly #enabled: boolean;
  readonly #streams: PromptStreams;
  readonly #log: KvEventLog;
  readonly #blocks: KvBlockListener | null;
  /** When what happens now happens, for who listens to blocks. */
  blocksAtUs = 0;
  #queue: Block[];
  readonly #byKey = new Map<string, Block>();

  constructor(
    blocks: number,
    blockSizeTokens: number,
    enabled: boolean,
    streams: PromptStreams,
    log: KvEventLog,
    listener: KvBlockListener | null = null,
  ) {
    this.totalBlocks = blocks;
    this.#blocks = listener;
    this.#blockSizeTokens = blockSizeTokens;
    this.#enabled = enabled;
    this.#streams = streams;
    this.#log = log;
    this.#queue = Array.from({ length: blocks }, () => ({ key: null, segment: -1, index: 0, references: 0 }));
  }

  get freeBlocks(): number {
    return this.#queue.length;
  }

  /** The segment that holds the last token of block `index` of the row. */
  segmentOf(row: number, index: number): number {
    const lastToken = (index + 1) * this.#blockSizeTokens;
    const entries = this.#streams.entries(row);
    for (let entry = 0; entry < entries; entry++) {
      if (this.#streams.endTokens(row, entry, entries) >= lastToken) return this.#streams.segment(row, entry, entries);
    }
    throw new Error("unreachable: the last entry has no end");
  }

  /** The cached blocks at the front of the row's stream, at most `maxBlocks`. */
  match(row: number, maxBlocks: number): Block[] {
    const found: Block[] = [];
    while (this.#enabled && found.length < maxBlocks) {
      const block = this.#byKey.get(`${this.segmentOf(row, found.length)}:${found.length}`);
      if (block === undefined) break;
      found.push(block);
    }
    return found;
  }

  acquire(holding: PlainHolding, hit: readonly Block[]): void {
    for (const block of hit) {
      if (block.references++ === 0) this.#queue.splice(this.#queue.indexOf(block), 1);
      holding.findable.push(block);
    }
    holding.tokens = hit.length * this.#blockSizeTokens;
  }

  /** Takes blocks for the tokens up to `tokens`; `findable` = full ones can be found from now on. */
  grow(holding: PlainHolding, row: number, tokens: number, findable: boolean): void {
    const before = Math.ceil(holding.tokens / this.#blockSizeTokens);
    const after = Math.ceil(tokens / this.#blockSizeTokens);
    for (let count = before; count < after; count++) holding.hidden.push(this.#take());
    holding.tokens = tokens;
    if (findable) this.reveal(holding, row);
  }

  #take(): Block {
    const block = this.#queue.shift()!;
    if (block.key !== null) {
      this.#byKey.delete(block.key);
      this.evictedBlocks++;
      this.#blocks?.evicted(block.segment, block.index, block.index + 1, this.blocksAtUs);
      if (block.segment < this.#streams.firstPrivate) {
        this.#log.add(false, block.segment, block.index, block.index + 1);
      }
    }
    return { key: null, segment: -1, index: 0, references: 1 };
  }

  /** Gives back the last `blocks` blocks that only this request knows. */
  giveBack(holding: PlainHolding, blocks: number): void {
    for (const block of holding.hidden.splice(holding.hidden.length - blocks, blocks)) {
      block.references = 0;
      this.#queue.push(block);
    }
  }

  /** Makes the full blocks of a request findable. */
  reveal(holding: PlainHolding, row: number): void {
    if (!this.#enabled) return;
    const full = Math.floor(holding.tokens / this.#blockSizeTokens);
    while (holding.findable.length < full) {
      const index = holding.findable.length;
      const segment = this.segmentOf(row, index);
      const key = `${segment}:${index}`;
      const other = this.#byKey.get(key);
      if (other !== undefined && other.references > 0) {
        // Another request holds a copy: hold that one as well, and keep ours to ourselves.
        other.references++;
        holding.findable.push(other);
        continue;
      }
      const own = holding.hidden.shift()!;
      own.key = key;
      own.segment = segment;
      own.index = index;
      // A copy that nobody holds keeps its place in the queue, without its key.
      if (other !== undefined) other.key = null;
      else {
        if (segment < this.#streams.firstPrivate) this.#log.add(true, segment, index, index + 1);
        this.#blocks?.stored(segment, index, index + 1, this.blocksAtUs);
      }
      this.#byKey.set(key, own);
      holding.findable.push(own);
    }
  }

  /** Frees what a request holds: blocks that nobody can find first, then the findable ones tail first. */
  release(holding: PlainHolding): void {
    for (const block of holding.hidden) {
      block.references = 0;
      this.#queue.push(block);
    }
    for (const block of holding.findable.reverse()) {
      if (--block.references === 0) this.#queue.push(block);
    }
    holding.hidden = [];
    holding.findable = [];
    holding.tokens = 0;
  }
}
