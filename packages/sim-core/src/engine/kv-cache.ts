import { IntMap } from "./int-map.ts";
import type { KvEventLog } from "./kv-event-log.ts";
import type { PromptStreams } from "./prompt-streams.ts";
import type { RequestsInFlight } from "./requests-in-flight.ts";

const NONE = -1;
/** `segment` of a queue entry whose blocks nobody can find. */
const ANONYMOUS = -1;

/**
 * The paged KV cache of one replica: which blocks are free, which are findable by prefix, and in which order free ones
 * are reused. Behaves block by block as vLLM's `BlockPool` and `KVCacheManager` (freed blocks go tail first to the end
 * of the free queue and stay findable until reused; the head of the queue is reused first), but is kept as a radix tree
 * of runs: a node is a run of blocks of one segment with one reference count.
 *
 * Two things differ from vLLM in the second order, in both engine paths alike. A block that is computed again while
 * another request holds one with the same key is not findable itself; its request holds the other one too, so that the
 * key lives as long as either. And the unfindable blocks of a request (a partial last block, such duplicates) are freed
 * before its findable ones, not at their places among them.
 */
export class KvCache {
  readonly totalBlocks: number;
  readonly #blockSizeTokens: number;
  readonly #enabled: boolean;
  readonly #requests: RequestsInFlight;
  readonly #streams: PromptStreams;
  readonly #log: KvEventLog;
  freeBlocks: number;
  evictedBlocks = 0;

  /** Nodes of the tree and entries of the free queue share these columns. */
  #segment = new Int32Array(64);
  #first = new Int32Array(64);
  #end = new Int32Array(64);
  #parent = new Int32Array(64);
  #children = new Int32Array(64);
  #references = new Int32Array(64);
  #previousInSegment = new Int32Array(64);
  #nextInSegment = new Int32Array(64);
  #previousInQueue = new Int32Array(64);
  #nextInQueue = new Int32Array(64);
  #unusedNode: number = NONE;
  #nodes = 0;
  #queueHead: number = NONE;
  #queueTail: number = NONE;
  /** First node of each cached segment. */
  readonly #segmentHead = new IntMap();
  /** Segment → slot of the request that is growing it while it decodes. */
  readonly #growing = new IntMap();

  /** What `match` found: blocks, how many of them are in the free queue, and where the match ends. */
  hitBlocks = 0;
  hitFreeBlocks = 0;
  /** The decoding request, if any, that is generating what the match would go on with. */
  growerAhead: number = NONE;
  #hitLeaf: number = NONE;
  /** Node of which only blocks before `#hitSplit` matched, or NONE. */
  #hitPartial: number = NONE;
  /** Decoding request whose generated blocks end the match, or NONE. */
  #hitGrower: number = NONE;

  constructor(
    blocks: number,
    blockSizeTokens: number,
    enabled: boolean,
    requests: RequestsInFlight,
    streams: PromptStreams,
    log: KvEventLog,
  ) {
    this.totalBlocks = blocks;
    this.freeBlocks = 0;
    this.#blockSizeTokens = blockSizeTokens;
    this.#enabled = enabled;
    this.#requests = requests;
    this.#streams = streams;
    this.#log = log;
    this.#pushAnonymous(blocks);
  }

  /** Whether one of the next `blocks` reused blocks could still be found. */
  reuseEvicts(blocks: number): boolean {
    const head = this.#queueHead;
    if (head === NONE || blocks === 0) return false;
    return this.#segment[head] !== ANONYMOUS || this.#end[head]! - this.#first[head]! < blocks;
  }

  /**
   * Looks up the longest cached prefix of what the request has to compute, at most `maxBlocks`. Neither the order of
   * reuse nor any count changes.
   *
   * @param scheduledBlocks for a request that is decoding here: how many of its blocks are full in this step
   */
  match(slot: number, maxBlocks: number, scheduledBlocks: (slot: number) => number): void {
    this.hitBlocks = 0;
    this.hitFreeBlocks = 0;
    this.#hitLeaf = NONE;
    this.#hitPartial = NONE;
    this.#hitGrower = NONE;
    this.growerAhead = NONE;
    if (!this.#enabled || maxBlocks <= 0) return;
    const row = this.#requests.row[slot]!;
    const streams = this.#streams;
    const entries = streams.entries(row);
    const size = this.#blockSizeTokens;
    for (let index = 0; index < entries && this.hitBlocks < maxBlocks; index++) {
      const end = Math.min(maxBlocks, Math.floor(streams.endTokens(row, index, entries) / size));
      if (end <= this.hitBlocks) continue;
      const segment = streams.segment(row, index, entries);
      this.#matchSegment(segment, end);
      if (this.hitBlocks < end) {
        const grower = this.#growing.get(segment);
        if (grower === NONE || grower === slot) return;
        this.growerAhead = grower;
        // The blocks that another request has generated are findable too; the tree gets them when they are hit.
        const full = Math.min(end, scheduledBlocks(grower));
        if (full > this.hitBlocks) {
          this.hitBlocks = full;
          this.#hitGrower = grower;
        }
        return;
      }
    }
  }

  #matchSegment(segment: number, end: number): void {
    let node = this.#segmentHead.get(segment);
    while (node !== NONE && this.#end[node]! <= this.hitBlocks) node = this.#nextInSegment[node]!;
    while (node !== NONE && this.#hitPartial === NONE) {
      // Nodes of a segment join without gaps; a node may have grown since the match passed its old end.
      const nodeEnd = this.#end[node]!;
      const upTo = nodeEnd <= end ? nodeEnd : end;
      if (this.#references[node] === 0) this.hitFreeBlocks += upTo - this.hitBlocks;
      this.hitBlocks = upTo;
      this.#hitLeaf = node;
      if (upTo < nodeEnd) this.#hitPartial = node;
      if (upTo === end) return;
      node = this.#nextInSegment[node]!;
    }
  }

  /** Gives the request the blocks that the last `match` found. */
  acquireHit(slot: number, scheduledBlocks: (slot: number) => number): void {
    if (this.#hitGrower !== NONE) {
      this.extend(this.#hitGrower, scheduledBlocks(this.#hitGrower));
      this.match(slot, this.hitBlocks, scheduledBlocks);
    }
    let leaf = this.#hitLeaf;
    if (this.#hitPartial !== NONE) leaf = this.#split(this.#hitPartial, this.hitBlocks);
    this.#requests.leaf[slot] = leaf;
    for (let node = leaf; node !== NONE; node = this.#parent[node]!) {
      if (this.#references[node]!++ === 0) {
        this.#removeFromQueue(node);
        this.freeBlocks -= this.#end[node]! - this.#first[node]!;
      }
    }
  }

  /**
   * Takes blocks from the head of the free queue; findable ones are forgotten.
   *
   * @param blocks at most `freeBlocks`
   */
  take(blocks: number): void {
    this.freeBlocks -= blocks;
    // Without prefix caching no block is ever found again: the queue's order does not matter, only its length.
    if (!this.#enabled) return;
    let left = blocks;
    while (left > 0) {
      const node = this.#queueHead;
      const first = this.#first[node]!;
      const end = this.#end[node]!;
      const taken = end - first < left ? end - first : left;
      left -= taken;
      // Tail first: the deepest block of a run is reused first, so what stays is a prefix.
      this.#end[node] = end - taken;
      if (this.#segment[node] !== ANONYMOUS) {
        this.evictedBlocks += taken;
        if (this.#segment[node]! < this.#streams.firstPrivate) {
          this.#log.add(false, this.#segment[node]!, end - taken, end);
        }
      }
      if (end - taken === first) {
        this.#removeFromQueue(node);
        if (this.#segment[node] !== ANONYMOUS) this.#unlink(node);
        this.#recycle(node);
      }
    }
  }

  /** Makes the request's full blocks findable up to `blocks` from the start. They are taken already. */
  extend(slot: number, blocks: number): void {
    if (!this.#enabled) return;
    const requests = this.#requests;
    const row = requests.row[slot]!;
    const streams = this.#streams;
    const entries = streams.entries(row);
    const size = this.#blockSizeTokens;
    let leaf = requests.leaf[slot]!;
    let at = leaf === NONE ? 0 : this.#end[leaf]!;
    for (let index = 0; index < entries && at < blocks; index++) {
      const end = Math.min(blocks, Math.floor(streams.endTokens(row, index, entries) / size));
      if (end <= at) continue;
      const segment = streams.segment(row, index, entries);
      while (at < end) {
        leaf = this.#extendBy(slot, leaf, segment, at, end);
        at = this.#end[leaf]!;
      }
    }
    requests.leaf[slot] = leaf;
  }

  /** One node's worth of `extend`; returns the new leaf. */
  #extendBy(slot: number, leaf: number, segment: number, at: number, end: number): number {
    let node = this.#segmentHead.get(segment);
    let last: number = NONE;
    while (node !== NONE && this.#end[node]! <= at) {
      last = node;
      node = this.#nextInSegment[node]!;
    }
    if (node !== NONE) return this.#shareDuplicate(slot, node, end);
    if (segment < this.#streams.firstPrivate) this.#log.add(true, segment, at, end);
    if (leaf !== NONE && leaf === last && this.#references[leaf] === 1 && this.#children[leaf] === 0) {
      this.#end[leaf] = end;
      return leaf;
    }
    const added = this.#allocateNode();
    this.#segment[added] = segment;
    this.#first[added] = at;
    this.#end[added] = end;
    this.#parent[added] = leaf;
    this.#children[added] = 0;
    this.#references[added] = 1;
    this.#previousInSegment[added] = last;
    this.#nextInSegment[added] = NONE;
    if (last === NONE) this.#segmentHead.set(segment, added);
    else this.#nextInSegment[last] = added;
    if (leaf !== NONE) this.#children[leaf]!++;
    return added;
  }

  /** The request computed blocks that are cached already: from now on it holds those too. */
  #shareDuplicate(slot: number, node: number, end: number): number {
    const shared = this.#end[node]! > end ? this.#split(node, end) : node;
    const blocks = this.#end[shared]! - this.#first[shared]!;
    if (this.#references[shared] === 0) {
      // Nobody holds the old copy: it keeps its place in the queue without its key, which is the new copy's now.
      this.#replaceInQueue(shared, blocks);
    } else {
      this.#requests.privateBlocks[slot]! += blocks;
    }
    this.#references[shared]!++;
    return shared;
  }

  /** Says that the request decodes into a segment that others can name. */
  startGrowing(slot: number, segment: number): void {
    if (!this.#enabled || this.#growing.get(segment) !== NONE) return;
    this.#growing.set(segment, slot);
    this.#requests.growing[slot] = segment;
  }

  /** Frees all blocks of a request that has computed `computedTokens`; `keepFindable` as `extend` would. */
  release(slot: number, computedTokens: number, keepFindable: boolean): void {
    const requests = this.#requests;
    const size = this.#blockSizeTokens;
    if (!this.#enabled) {
      this.freeBlocks += Math.ceil(computedTokens / size);
      return;
    }
    if (requests.growing[slot] !== NONE) {
      this.#growing.delete(requests.growing[slot]!);
      requests.growing[slot] = NONE;
    }
    if (keepFindable) this.extend(slot, Math.floor(computedTokens / size));
    const leaf = requests.leaf[slot]!;
    const held = Math.ceil(computedTokens / size) - (leaf === NONE ? 0 : this.#end[leaf]!);
    this.#pushAnonymous(held + requests.privateBlocks[slot]!);
    requests.privateBlocks[slot] = 0;
    requests.leaf[slot] = NONE;
    let node = leaf;
    while (node !== NONE) {
      const parent = this.#parent[node]!;
      if (--this.#references[node]! === 0) this.#pushNode(node);
      node = parent;
    }
  }

  #pushNode(node: number): void {
    this.freeBlocks += this.#end[node]! - this.#first[node]!;
    const tail = this.#queueTail;
    // A run that goes on where its parent ends, freed with it, is one run again.
    if (
      tail !== NONE &&
      this.#parent[tail] === node &&
      this.#segment[tail] === this.#segment[node] &&
      this.#children[node] === 1
    ) {
      this.#absorbParent(tail, node);
      return;
    }
    this.#appendToQueue(node);
  }

  #absorbParent(node: number, parent: number): void {
    this.#first[node] = this.#first[parent]!;
    this.#parent[node] = this.#parent[parent]!;
    const before = this.#previousInSegment[parent]!;
    this.#previousInSegment[node] = before;
    if (before === NONE) this.#segmentHead.set(this.#segment[node]!, node);
    else this.#nextInSegment[before] = node;
    this.#recycle(parent);
  }

  #pushAnonymous(blocks: number): void {
    if (blocks <= 0) return;
    this.freeBlocks += blocks;
    if (!this.#enabled) return;
    const tail = this.#queueTail;
    if (tail !== NONE && this.#segment[tail] === ANONYMOUS) {
      this.#end[tail]! += blocks;
      return;
    }
    this.#appendToQueue(this.#allocateAnonymous(blocks));
  }

  #allocateAnonymous(blocks: number): number {
    const node = this.#allocateNode();
    this.#segment[node] = ANONYMOUS;
    this.#first[node] = 0;
    this.#end[node] = blocks;
    this.#parent[node] = NONE;
    this.#references[node] = 0;
    return node;
  }

  /** Cuts a node before block `at`; the part up to `at` gets a new number, which is returned. */
  #split(node: number, at: number): number {
    const upper = this.#allocateNode();
    const segment = this.#segment[node]!;
    this.#segment[upper] = segment;
    this.#first[upper] = this.#first[node]!;
    this.#end[upper] = at;
    this.#parent[upper] = this.#parent[node]!;
    this.#children[upper] = 1;
    this.#references[upper] = this.#references[node]!;
    const before = this.#previousInSegment[node]!;
    this.#previousInSegment[upper] = before;
    this.#nextInSegment[upper] = node;
    if (before === NONE) this.#segmentHead.set(segment, upper);
    else this.#nextInSegment[before] = upper;
    this.#previousInSegment[node] = upper;
    this.#first[node] = at;
    this.#parent[node] = upper;
    if (this.#references[node] === 0) this.#insertInQueueAfter(node, upper);
    return upper;
  }

  /** Takes a forgotten node out of the tree. It has no children: they were reused before it. */
  #unlink(node: number): void {
    const parent = this.#parent[node]!;
    if (parent !== NONE) this.#children[parent]!--;
    const before = this.#previousInSegment[node]!;
    if (before === NONE) this.#segmentHead.delete(this.#segment[node]!);
    else this.#nextInSegment[before] = NONE;
  }

  #appendToQueue(node: number): void {
    this.#previousInQueue[node] = this.#queueTail;
    this.#nextInQueue[node] = NONE;
    if (this.#queueTail === NONE) this.#queueHead = node;
    else this.#nextInQueue[this.#queueTail] = node;
    this.#queueTail = node;
  }

  #insertInQueueAfter(node: number, added: number): void {
    const after = this.#nextInQueue[node]!;
    this.#previousInQueue[added] = node;
    this.#nextInQueue[added] = after;
    this.#nextInQueue[node] = added;
    if (after === NONE) this.#queueTail = added;
    else this.#previousInQueue[after] = added;
  }

  #removeFromQueue(node: number): void {
    const before = this.#previousInQueue[node]!;
    const after = this.#nextInQueue[node]!;
    if (before === NONE) this.#queueHead = after;
    else this.#nextInQueue[before] = after;
    if (after === NONE) this.#queueTail = before;
    else this.#previousInQueue[after] = before;
  }

  #replaceInQueue(node: number, blocks: number): void {
    const anonymous = this.#allocateAnonymous(blocks);
    this.#insertInQueueAfter(node, anonymous);
    this.#removeFromQueue(node);
  }

  #recycle(node: number): void {
    this.#nextInSegment[node] = this.#unusedNode;
    this.#unusedNode = node;
  }

  #allocateNode(): number {
    const reused = this.#unusedNode;
    if (reused !== NONE) {
      this.#unusedNode = this.#nextInSegment[reused]!;
      return reused;
    }
    if (this.#nodes === this.#segment.length) this.#grow();
    return this.#nodes++;
  }

  #grow(): void {
    const size = this.#nodes * 2;
    const grown = (from: Int32Array): Int32Array<ArrayBuffer> => {
      const to = new Int32Array(size);
      to.set(from);
      return to;
    };
    this.#segment = grown(this.#segment);
    this.#first = grown(this.#first);
    this.#end = grown(this.#end);
    this.#parent = grown(this.#parent);
    this.#children = grown(this.#children);
    this.#references = grown(this.#references);
    this.#previousInSegment = grown(this.#previousInSegment);
    this.#nextInSegment = grown(this.#nextInSegment);
    this.#previousInQueue = grown(this.#previousInQueue);
    this.#nextInQueue = grown(this.#nextInQueue);
  }
}
