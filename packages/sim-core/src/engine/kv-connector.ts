/**
 * Where KV blocks come from and go to besides an engine's own HBM: another pod, or tiers below. The seam of vLLM's
 * `KVConnectorBase_V1` (0.19): the engine's step loop asks it at admission and at the end of a request, and knows
 * nothing of what is behind it. An engine without one asks nothing.
 *
 * A load is asynchronous: the request leaves the waiting list with all blocks of its prompt taken, uses neither budget
 * nor a place in the batch, and is schedulable again, ahead of all others, when the host calls `Engine.loaded`.
 */
export interface KvConnector {
  /**
   * Tokens that can be loaded beyond the `computedTokens` that the engine's own cache has: a multiple of the block size,
   * or up to the end of the prompt. 0 = compute here. Asked each time the request could be admitted, until it is;
   * of a request that waits the answer changes only with `Engine.reconsider`.
   *
   * A preempted request computes anew, unlike vLLM's, without asking: who is loading cannot be preempted, and two that
   * load again and again could keep each other from ever going on.
   */
  matchedTokens(slot: number, computedTokens: number): number;
  /** The request has its blocks: its tokens from `fromTokens` on are to be loaded into them. */
  startLoad(slot: number, fromTokens: number, tokens: number, nowUs: number): void;
  /**
   * The request ends, and its blocks are still to be read: they stay until `Engine.releaseHeld`. Its slot stays with the
   * host until then too.
   */
  holdsBlocks(slot: number): boolean;
  /** Who hears what the cache gains and loses; null when nobody needs to. */
  readonly blocks: KvBlockListener | null;
}

/**
 * Hears of a cache's findable blocks as runs: blocks `fromBlock` to `toBlock` (not included) of a segment, counted from
 * the start of the prompt, in the words of `PromptStreams`; segments from `firstPrivate` on are one request's own. How
 * blocks are cut into runs says nothing: one path tells of runs, the other of each block.
 *
 * `atUs` is the start of the step that does it (its end for what an ending request leaves behind). Of evictions an engine
 * tells at that time, of what was stored a stretch of steps tells late: who reads that calls `Engine.publishUntil` first.
 */
export interface KvBlockListener {
  /** Blocks are findable from now on. */
  stored(segment: number, fromBlock: number, toBlock: number, atUs: number): void;
  /** Blocks are reused for something else. */
  evicted(segment: number, fromBlock: number, toBlock: number, atUs: number): void;
}
