import { FLOAT_ZERO } from "../kernel/float-zero.ts";
import { IntMap } from "./int-map.ts";
import type { KvBlockListener } from "./kv-connector.ts";
import type { KvEventLog } from "./kv-event-log.ts";
import type { PromptStreams } from "./prompt-streams.ts";
import type { RequestsInFlight } from "./requests-in-flight.ts";

const NONE = -1;
/** `SEGMENT` of a queue entry whose blocks nobody can find. */
const ANONYMOUS = -1;

/** Words of a node's record. A node is named by where its record starts. */
const SEGMENT = 0;
/** Its blocks: `FIRST` to `END` from the start of the prompt, the latter not included. */
const FIRST = 1;
const END = 2;
const PARENT = 3;
const CHILDREN = 4;
/** Requests that hold its blocks; with none they are in the free queue. */
const REFERENCES = 5;
const PREVIOUS_IN_SEGMENT = 6;
/** In an unused record, the next unused one. */
const NEXT_IN_SEGMENT = 7;
const PREVIOUS_IN_QUEUE = 8;
const NEXT_IN_QUEUE = 9;
/** A power of two, so that a record lies in one or two cache lines. */
const NODE_WORDS = 16;

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
  readonly #blocks: KvBlockListener | null;
  /** When what happens now happens, for who listens to blocks. */
  #blocksAtUs = FLOAT_ZERO;
  freeBlocks: number;
  evictedBlocks = 0;

  /** Records of the tree's nodes and of the free queue's entries; replaced when they grow. */
  #nodes = new Int32Array(64 * NODE_WORDS);
  #unusedNode: number = NONE;
  #nodesEnd = 0;
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
    listener: KvBlockListener | null = null,
  ) {
    this.totalBlocks = blocks;
    this.freeBlocks = 0;
    this.#blocks = listener;
    this.#blockSizeTokens = blockSizeTokens;
    this.#enabled = enabled;
    this.#requests = requests;
    this.#streams = streams;
    this.#log = log;
    this.#pushAnonymous(blocks);
  }

  /** Dates what happens from now on; only for who listens to blocks. */
  setBlocksTime(nowUs: number): void {
    this.#blocksAtUs = nowUs;
  }

  /** Whether one of the next `blocks` reused blocks could still be found. */
  reuseEvicts(blocks: number): boolean {
    const head = this.#queueHead;
    if (head === NONE || blocks === 0) return false;
    const nodes = this.#nodes;
    return nodes[head + SEGMENT] !== ANONYMOUS || nodes[head + END]! - nodes[head + FIRST]! < blocks;
  }

  /** Blocks that are reused before the first that could still be found. */
  get blocksBeforeEviction(): number {
    if (!this.#enabled) return this.freeBlocks;
    const nodes = this.#nodes;
    let blocks = 0;
    let node = this.#queueHead;
    for (; node !== NONE && nodes[node + SEGMENT] === ANONYMOUS; node = nodes[node + NEXT_IN_QUEUE]!) {
      blocks += nodes[node + END]! - nodes[node + FIRST]!;
    }
    return blocks;
  }

  /**
   * Looks up the longest cached prefix of what the request has to compute, at most `maxBlocks`. Neither the order of
   * reuse nor any count changes.
   *
   * @param scheduledBlocks for a request that is decoding here: how many of its blocks are full in this step
   */
  match(slot: number, maxBlocks: number, scheduledBlocks: (slot: number) => number): void {
    // Without prefix caching nothing is ever found: what was found stays nothing.
    if (this.#enabled) this.#match(slot, maxBlocks, scheduledBlocks);
  }

  #match(slot: number, maxBlocks: number, scheduledBlocks: (slot: number) => number): void {
    this.hitBlocks = 0;
    this.hitFreeBlocks = 0;
    this.#hitLeaf = NONE;
    this.#hitPartial = NONE;
    this.#hitGrower = NONE;
    this.growerAhead = NONE;
    if (maxBlocks <= 0) return;
    const row = this.#requests.row[slot]!;
    const streams = this.#streams;
    const entries = streams.entries(row);
    for (let index = 0; index < entries && this.hitBlocks < maxBlocks; index++) {
      const end = index === entries - 1 ? maxBlocks : this.#blocksTo(row, index, entries, maxBlocks);
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
    const nodes = this.#nodes;
    let node = this.#segmentHead.get(segment);
    while (node !== NONE && nodes[node + END]! <= this.hitBlocks) node = nodes[node + NEXT_IN_SEGMENT]!;
    while (node !== NONE && this.#hitPartial === NONE) {
      // Nodes of a segment join without gaps; a node may have grown since the match passed its old end.
      const nodeEnd = nodes[node + END]!;
      const upTo = nodeEnd <= end ? nodeEnd : end;
      if (nodes[node + REFERENCES] === 0) this.hitFreeBlocks += upTo - this.hitBlocks;
      this.hitBlocks = upTo;
      this.#hitLeaf = node;
      if (upTo < nodeEnd) this.#hitPartial = node;
      if (upTo === end) return;
      node = nodes[node + NEXT_IN_SEGMENT]!;
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
    const nodes = this.#nodes;
    for (let node = leaf; node !== NONE; node = nodes[node + PARENT]!) {
      if (nodes[node + REFERENCES]!++ === 0) {
        this.#removeFromQueue(node);
        this.freeBlocks -= nodes[node + END]! - nodes[node + FIRST]!;
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
    if (this.#enabled) this.#reuse(blocks);
  }

  #reuse(blocks: number): void {
    const nodes = this.#nodes;
    let left = blocks;
    while (left > 0) {
      const node = this.#queueHead;
      const first = nodes[node + FIRST]!;
      const end = nodes[node + END]!;
      const taken = end - first < left ? end - first : left;
      left -= taken;
      // Tail first: the deepest block of a run is reused first, so what stays is a prefix.
      nodes[node + END] = end - taken;
      if (nodes[node + SEGMENT] !== ANONYMOUS) {
        this.evictedBlocks += taken;
        if (this.#blocks !== null) {
          this.#blocks.evicted(nodes[node + SEGMENT]!, end - taken, end, this.#blocksAtUs + 0);
        }
        if (nodes[node + SEGMENT]! < this.#streams.firstPrivate) {
          this.#log.add(false, nodes[node + SEGMENT]!, end - taken, end);
        }
      }
      if (end - taken === first) {
        this.#removeFromQueue(node);
        if (nodes[node + SEGMENT] !== ANONYMOUS) this.#unlink(node);
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
    let leaf = requests.leaf[slot]!;
    let at = leaf === NONE ? 0 : this.#nodes[leaf + END]!;
    for (let index = 0; index < entries && at < blocks; index++) {
      const end = index === entries - 1 ? blocks : this.#blocksTo(row, index, entries, blocks);
      if (end <= at) continue;
      const segment = streams.segment(row, index, entries);
      while (at < end) {
        leaf = this.#extendBy(slot, leaf, segment, at, end);
        at = this.#nodes[leaf + END]!;
      }
    }
    requests.leaf[slot] = leaf;
  }

  /** Full blocks up to the end of an entry of the row's prompt, at most `limit`. */
  #blocksTo(row: number, index: number, entries: number, limit: number): number {
    const blocks = Math.floor(this.#streams.endTokens(row, index, entries) / this.#blockSizeTokens);
    return blocks < limit ? blocks : limit;
  }

  /** One node's worth of `extend`; returns the new leaf. */
  #extendBy(slot: number, leaf: number, segment: number, at: number, end: number): number {
    let nodes = this.#nodes;
    let last: number = NONE;
    // The leaf ends at `at`: where it is of the segment, those before it need no look.
    const isNext = leaf !== NONE && nodes[leaf + SEGMENT] === segment;
    let node = isNext ? leaf : this.#segmentHead.get(segment);
    while (node !== NONE && nodes[node + END]! <= at) {
      last = node;
      node = nodes[node + NEXT_IN_SEGMENT]!;
    }
    if (node !== NONE) return this.#shareDuplicate(slot, node, end);
    if (segment < this.#streams.firstPrivate) this.#log.add(true, segment, at, end);
    if (this.#blocks !== null) this.#blocks.stored(segment, at, end, this.#blocksAtUs + 0);
    if (leaf !== NONE && leaf === last && nodes[leaf + REFERENCES] === 1 && nodes[leaf + CHILDREN] === 0) {
      nodes[leaf + END] = end;
      return leaf;
    }
    const added = this.#allocateNode();
    nodes = this.#nodes;
    nodes[added + SEGMENT] = segment;
    nodes[added + FIRST] = at;
    nodes[added + END] = end;
    nodes[added + PARENT] = leaf;
    nodes[added + CHILDREN] = 0;
    nodes[added + REFERENCES] = 1;
    nodes[added + PREVIOUS_IN_SEGMENT] = last;
    nodes[added + NEXT_IN_SEGMENT] = NONE;
    if (last === NONE) this.#segmentHead.set(segment, added);
    else nodes[last + NEXT_IN_SEGMENT] = added;
    if (leaf !== NONE) nodes[leaf + CHILDREN]!++;
    return added;
  }

  /** The request computed blocks that are cached already: from now on it holds those too. */
  #shareDuplicate(slot: number, node: number, end: number): number {
    const shared = this.#nodes[node + END]! > end ? this.#split(node, end) : node;
    const nodes = this.#nodes;
    const blocks = nodes[shared + END]! - nodes[shared + FIRST]!;
    if (nodes[shared + REFERENCES] === 0) {
      // Nobody holds the old copy: it keeps its place in the queue without its key, which is the new copy's now.
      this.#replaceInQueue(shared, blocks);
    } else {
      this.#requests.privateBlocks[slot]! += blocks;
    }
    this.#nodes[shared + REFERENCES]!++;
    return shared;
  }

  /** Says that the request decodes into a segment that others can name. */
  startGrowing(slot: number, segment: number): void {
    if (!this.#enabled || this.#growing.get(segment) !== NONE) return;
    this.#growing.set(segment, slot);
    this.#requests.growing[slot] = segment;
  }

  /** Gives back blocks of a request that nobody else knows. */
  giveBack(blocks: number): void {
    if (this.#enabled) this.#pushAnonymous(blocks);
    else this.freeBlocks += blocks;
  }

  /** The request has ended, and keeps the blocks of its `computedTokens` until `release`. */
  hold(slot: number, computedTokens: number, keepFindable: boolean): void {
    if (!this.#enabled) return;
    this.#stopGrowing(slot);
    if (keepFindable) this.extend(slot, Math.floor(computedTokens / this.#blockSizeTokens));
  }

  #stopGrowing(slot: number): void {
    const { growing } = this.#requests;
    if (growing[slot] === NONE) return;
    this.#growing.delete(growing[slot]!);
    growing[slot] = NONE;
  }

  /** Frees all blocks of a request that has computed `computedTokens`; `keepFindable` as `extend` would. */
  release(slot: number, computedTokens: number, keepFindable: boolean): void {
    if (this.#enabled) this.#release(slot, computedTokens, keepFindable);
    else this.freeBlocks += Math.ceil(computedTokens / this.#blockSizeTokens);
  }

  #release(slot: number, computedTokens: number, keepFindable: boolean): void {
    const requests = this.#requests;
    const size = this.#blockSizeTokens;
    this.#stopGrowing(slot);
    if (keepFindable) this.extend(slot, Math.floor(computedTokens / size));
    const leaf = requests.leaf[slot]!;
    const held = Math.ceil(computedTokens / size) - (leaf === NONE ? 0 : this.#nodes[leaf + END]!);
    this.#pushAnonymous(held + requests.privateBlocks[slot]!);
    requests.privateBlocks[slot] = 0;
    requests.leaf[slot] = NONE;
    const nodes = this.#nodes;
    let node = leaf;
    while (node !== NONE) {
      const parent = nodes[node + PARENT]!;
      if (--nodes[node + REFERENCES]! === 0) this.#pushNode(node);
      node = parent;
    }
  }

  #pushNode(node: number): void {
    const nodes = this.#nodes;
    this.freeBlocks += nodes[node + END]! - nodes[node + FIRST]!;
    const tail = this.#queueTail;
    // A run that goes on where its parent ends, freed with it, is one run again.
    if (
      tail !== NONE &&
      nodes[tail + PARENT] === node &&
      nodes[tail + SEGMENT] === nodes[node + SEGMENT] &&
      nodes[node + CHILDREN] === 1
    ) {
      this.#absorbParent(tail, node);
      return;
    }
    this.#appendToQueue(node);
  }

  #absorbParent(node: number, parent: number): void {
    const nodes = this.#nodes;
    nodes[node + FIRST] = nodes[parent + FIRST]!;
    nodes[node + PARENT] = nodes[parent + PARENT]!;
    const before = nodes[parent + PREVIOUS_IN_SEGMENT]!;
    nodes[node + PREVIOUS_IN_SEGMENT] = before;
    if (before === NONE) this.#segmentHead.set(nodes[node + SEGMENT]!, node);
    else nodes[before + NEXT_IN_SEGMENT] = node;
    this.#recycle(parent);
  }

  #pushAnonymous(blocks: number): void {
    if (blocks <= 0) return;
    this.freeBlocks += blocks;
    if (!this.#enabled) return;
    const tail = this.#queueTail;
    if (tail !== NONE && this.#nodes[tail + SEGMENT] === ANONYMOUS) {
      this.#nodes[tail + END]! += blocks;
      return;
    }
    this.#appendToQueue(this.#allocateAnonymous(blocks));
  }

  #allocateAnonymous(blocks: number): number {
    const node = this.#allocateNode();
    const nodes = this.#nodes;
    nodes[node + SEGMENT] = ANONYMOUS;
    nodes[node + FIRST] = 0;
    nodes[node + END] = blocks;
    nodes[node + PARENT] = NONE;
    nodes[node + REFERENCES] = 0;
    return node;
  }

  /** Cuts a node before block `at`; the part up to `at` gets a new number, which is returned. */
  #split(node: number, at: number): number {
    const upper = this.#allocateNode();
    const nodes = this.#nodes;
    const segment = nodes[node + SEGMENT]!;
    nodes[upper + SEGMENT] = segment;
    nodes[upper + FIRST] = nodes[node + FIRST]!;
    nodes[upper + END] = at;
    nodes[upper + PARENT] = nodes[node + PARENT]!;
    nodes[upper + CHILDREN] = 1;
    nodes[upper + REFERENCES] = nodes[node + REFERENCES]!;
    const before = nodes[node + PREVIOUS_IN_SEGMENT]!;
    nodes[upper + PREVIOUS_IN_SEGMENT] = before;
    nodes[upper + NEXT_IN_SEGMENT] = node;
    if (before === NONE) this.#segmentHead.set(segment, upper);
    else nodes[before + NEXT_IN_SEGMENT] = upper;
    nodes[node + PREVIOUS_IN_SEGMENT] = upper;
    nodes[node + FIRST] = at;
    nodes[node + PARENT] = upper;
    if (nodes[node + REFERENCES] === 0) this.#insertInQueueAfter(node, upper);
    return upper;
  }

  /** Takes a forgotten node out of the tree. It has no children: they were reused before it. */
  #unlink(node: number): void {
    const nodes = this.#nodes;
    const parent = nodes[node + PARENT]!;
    if (parent !== NONE) nodes[parent + CHILDREN]!--;
    const before = nodes[node + PREVIOUS_IN_SEGMENT]!;
    if (before === NONE) this.#segmentHead.delete(nodes[node + SEGMENT]!);
    else nodes[before + NEXT_IN_SEGMENT] = NONE;
  }

  #appendToQueue(node: number): void {
    const nodes = this.#nodes;
    nodes[node + PREVIOUS_IN_QUEUE] = this.#queueTail;
    nodes[node + NEXT_IN_QUEUE] = NONE;
    if (this.#queueTail === NONE) this.#queueHead = node;
    else nodes[this.#queueTail + NEXT_IN_QUEUE] = node;
    this.#queueTail = node;
  }

  #insertInQueueAfter(node: number, added: number): void {
    const nodes = this.#nodes;
    const after = nodes[node + NEXT_IN_QUEUE]!;
    nodes[added + PREVIOUS_IN_QUEUE] = node;
    nodes[added + NEXT_IN_QUEUE] = after;
    nodes[node + NEXT_IN_QUEUE] = added;
    if (after === NONE) this.#queueTail = added;
    else nodes[after + PREVIOUS_IN_QUEUE] = added;
  }

  #removeFromQueue(node: number): void {
    const nodes = this.#nodes;
    const before = nodes[node + PREVIOUS_IN_QUEUE]!;
    const after = nodes[node + NEXT_IN_QUEUE]!;
    if (before === NONE) this.#queueHead = after;
    else nodes[before + NEXT_IN_QUEUE] = after;
    if (after === NONE) this.#queueTail = before;
    else nodes[after + PREVIOUS_IN_QUEUE] = before;
  }

  #replaceInQueue(node: number, blocks: number): void {
    const anonymous = this.#allocateAnonymous(blocks);
    this.#insertInQueueAfter(node, anonymous);
    this.#removeFromQueue(node);
  }

  #recycle(node: number): void {
    this.#nodes[node + NEXT_IN_SEGMENT] = this.#unusedNode;
    this.#unusedNode = node;
  }

  #allocateNode(): number {
    const nodes = this.#nodes;
    const reused = this.#unusedNode;
    if (reused !== NONE) {
      this.#unusedNode = nodes[reused + NEXT_IN_SEGMENT]!;
      return reused;
    }
    const added = this.#nodesEnd;
    this.#nodesEnd += NODE_WORDS;
    if (added === this.#nodes.length) {
      this.#nodes = new Int32Array(2 * added);
      this.#nodes.set(nodes);
    }
    return added;
  }
}
