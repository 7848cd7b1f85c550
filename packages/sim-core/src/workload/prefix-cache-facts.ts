import { BlockLru } from "./block-lru.ts";
import { type Distribution, distribution } from "./summary-statistics.ts";
import type { TraceTable } from "./trace-rows.ts";

const LRU_CAPACITIES = [500, 1000, 2000, 3000, 5000, 5859, 10000, 20000, 30000, 50000, 100000, 200000] as const;
const POD_COUNTS = [1, 2, 4, 8, 16] as const;
const POD_CAPACITIES = [null, 600, 2400, 5859] as const;

export interface CacheHits {
  readonly block_hit_ratio: number;
  readonly token_hit_ratio: number;
  readonly nonprefix_block_hit_ratio: number;
  readonly hit_blocks: number;
  readonly total_blocks: number;
  readonly hit_tokens: number;
  readonly total_tokens: number;
  readonly evictions: number;
}

interface LruHits extends CacheHits {
  readonly cap_blocks: number;
  readonly cap_tokens: number;
}

export type PodPolicy = "rr" | "hash0" | "hash1" | "greedy" | "greedy_thr0.3" | "greedy_thr0.8";

export interface PodHits {
  readonly pods: number;
  readonly cap_blocks_per_pod: number | null;
  readonly policy: PodPolicy;
  readonly block_hit_ratio: number;
  readonly token_hit_ratio: number;
  readonly requests_per_pod_max_over_mean: number;
  readonly uncached_tokens_per_pod_max_over_mean: number;
}

/**
 * What prefix caches could hit: blocks of the trace's own size, zero service time, file order. A partial last block
 * counts; a hit is the leading run of blocks that are held; blocks are touched leaf first, so that the root is the
 * most recent, except in `leaf_last`; what is over the capacity is evicted after the request.
 */
export interface PrefixCacheFacts {
  readonly infinite_cache: CacheHits;
  readonly infinite_cache_full_blocks_only: FullBlockHits;
  readonly block_reuse_time_gap_s?: Distribution;
  readonly block_reuse_request_gap?: Distribution;
  readonly lru_single_cache: { readonly root_last: readonly LruHits[]; readonly leaf_last: readonly LruHits[] };
  readonly pods: readonly PodHits[];
}

interface FullBlockHits {
  readonly block_hit_ratio: number;
  readonly token_hit_ratio: number;
  readonly hit_tokens: number;
  readonly total_tokens: number;
  /** Hit tokens over prompt tokens, per request. */
  readonly per_request_hit_fraction: Distribution;
  readonly frac_requests_with_any_hit: number;
  readonly frac_requests_hit_ge_0p8: number;
}

/** @param table with segments; rows in file order */
export function prefixCacheFacts(table: TraceTable): PrefixCacheFacts {
  const lru = (rootLast: boolean): LruHits[] =>
    LRU_CAPACITIES.map((capacity) => ({
      cap_blocks: capacity,
      cap_tokens: capacity * (table.blockSizeTokens ?? 0),
      ...singleCacheHits(table, capacity, rootLast),
    }));
  return {
    infinite_cache: singleCacheHits(table, Number.POSITIVE_INFINITY),
    infinite_cache_full_blocks_only: fullBlockHits(table),
    ...reuseGaps(table),
    lru_single_cache: { root_last: lru(true), leaf_last: lru(false) },
    pods: POD_COUNTS.flatMap((pods) =>
      POD_CAPACITIES.flatMap((capacity) =>
        (Object.keys(POD_POLICIES) as PodPolicy[]).map((policy) => podHits(table, pods, capacity, policy)),
      ),
    ),
  };
}

/** Hits of one cache that all requests share. */
export function singleCacheHits(table: TraceTable, capacityBlocks: number, rootLast = true): CacheHits {
  const { offsets, ids, endTokens, idCount } = table.segments!;
  const cache = new BlockLru(idCount, capacityBlocks);
  let hitBlocks = 0;
  let hitTokens = 0;
  let heldBlocks = 0;
  for (let row = 0; row < table.count; row++) {
    const from = offsets[row]!;
    const to = offsets[row + 1]!;
    const run = leadingRun(cache, ids, from, to);
    hitBlocks += run;
    if (run > 0) hitTokens += endTokens[from + run - 1]!;
    for (let entry = from; entry < to; entry++) if (cache.has(ids[entry]!)) heldBlocks++;
    touchAll(cache, ids, from, to, rootLast);
  }
  const totalTokens = sum(table.promptTokens);
  return {
    block_hit_ratio: hitBlocks / ids.length,
    token_hit_ratio: hitTokens / totalTokens,
    nonprefix_block_hit_ratio: heldBlocks / ids.length,
    hit_blocks: hitBlocks,
    total_blocks: ids.length,
    hit_tokens: hitTokens,
    total_tokens: totalTokens,
    evictions: cache.evictions,
  };
}

/** Hits over private caches, one a pod. @param capacityBlocks of each pod, null = infinite */
export function podHits(table: TraceTable, pods: number, capacityBlocks: number | null, policy: PodPolicy): PodHits {
  const { offsets, ids, endTokens, idCount } = table.segments!;
  const caches = Array.from({ length: pods }, () => new BlockLru(idCount, capacityBlocks ?? Number.POSITIVE_INFINITY));
  const requests = new Float64Array(pods);
  const uncachedTokens = new Float64Array(pods);
  const pick = POD_POLICIES[policy];
  let hitBlocks = 0;
  let hitTokens = 0;
  for (let row = 0; row < table.count; row++) {
    const from = offsets[row]!;
    const to = offsets[row + 1]!;
    const pod = pick({ table, caches, requests, row, from, to });
    const cache = caches[pod]!;
    const run = leadingRun(cache, ids, from, to);
    const tokens = run > 0 ? endTokens[from + run - 1]! : 0;
    hitBlocks += run;
    hitTokens += tokens;
    requests[pod]!++;
    uncachedTokens[pod]! += table.promptTokens[row]! - tokens;
    touchAll(cache, ids, from, to, true);
  }
  return {
    pods,
    cap_blocks_per_pod: capacityBlocks,
    policy,
    block_hit_ratio: hitBlocks / ids.length,
    token_hit_ratio: hitTokens / sum(table.promptTokens),
    requests_per_pod_max_over_mean: maxOverMean(requests),
    uncached_tokens_per_pod_max_over_mean: maxOverMean(uncachedTokens),
  };
}

interface PickContext {
  readonly table: TraceTable;
  readonly caches: readonly BlockLru[];
  /** Requests so far, by pod. */
  readonly requests: Float64Array;
  readonly row: number;
  readonly from: number;
  readonly to: number;
}

/** Which pod gets a request: round-robin, by the first or second block's id, or by the longest match. */
const POD_POLICIES: Readonly<Record<PodPolicy, (context: PickContext) => number>> = {
  rr: ({ row, caches }) => row % caches.length,
  hash0: (context) => hashIdAt(context, 0) % context.caches.length,
  hash1: (context) => hashIdAt(context, 1) % context.caches.length,
  greedy: (context) => longestMatch(context, 0),
  "greedy_thr0.3": (context) => longestMatch(context, 0.3),
  "greedy_thr0.8": (context) => longestMatch(context, 0.8),
};

/** The file's own id; of a shorter prompt its last, of tokens without one 0. */
function hashIdAt({ table, from, to }: PickContext, depth: number): number {
  const block = table.segments!.ids[Math.min(from + depth, to - 1)];
  return block === undefined ? 0 : Math.max(0, table.hashIds![block]!);
}

/** Equal matches go to the fewest requests, then the lowest index; one below the threshold counts as none. */
function longestMatch({ table, caches, requests, from, to }: PickContext, thresholdFraction: number): number {
  const { ids } = table.segments!;
  const needed = thresholdFraction * (to - from);
  let best = 0;
  let bestRun = -1;
  for (let pod = 0; pod < caches.length; pod++) {
    const found = leadingRun(caches[pod]!, ids, from, to);
    const run = found >= needed ? found : 0;
    if (run > bestRun || (run === bestRun && requests[pod]! < requests[best]!)) {
      best = pod;
      bestRun = run;
    }
  }
  return best;
}

function leadingRun(cache: BlockLru, ids: Int32Array, from: number, to: number): number {
  let entry = from;
  while (entry < to && cache.has(ids[entry]!)) entry++;
  return entry - from;
}

function touchAll(cache: BlockLru, ids: Int32Array, from: number, to: number, rootLast: boolean): void {
  if (rootLast) for (let entry = to - 1; entry >= from; entry--) cache.touch(ids[entry]!);
  else for (let entry = from; entry < to; entry++) cache.touch(ids[entry]!);
  cache.trim();
}

/** An infinite cache that keeps full blocks only, as an engine does. */
function fullBlockHits(table: TraceTable): FullBlockHits {
  const { offsets, ids, endTokens, idCount } = table.segments!;
  const blockSizeTokens = table.blockSizeTokens ?? 1;
  const held = new Uint8Array(idCount);
  const fractions = new Float64Array(table.count);
  let hitBlocks = 0;
  let hitTokens = 0;
  let fullBlocks = 0;
  for (let row = 0; row < table.count; row++) {
    const from = offsets[row]!;
    let tokens = 0;
    let leading = true;
    for (let entry = from; entry < offsets[row + 1]!; entry++) {
      const start = entry === from ? 0 : endTokens[entry - 1]!;
      if (endTokens[entry]! - start !== blockSizeTokens) break;
      fullBlocks++;
      leading = leading && held[ids[entry]!] === 1;
      if (leading) {
        hitBlocks++;
        tokens = endTokens[entry]!;
      }
      held[ids[entry]!] = 1;
    }
    hitTokens += tokens;
    fractions[row] = table.promptTokens[row] === 0 ? 0 : tokens / table.promptTokens[row]!;
  }
  const totalTokens = sum(table.promptTokens);
  const share = (holds: (fraction: number) => boolean): number => fractions.filter(holds).length / table.count;
  return {
    block_hit_ratio: fullBlocks === 0 ? 0 : hitBlocks / fullBlocks,
    token_hit_ratio: hitTokens / totalTokens,
    hit_tokens: hitTokens,
    total_tokens: totalTokens,
    per_request_hit_fraction: distribution(fractions),
    frac_requests_with_any_hit: share((fraction) => fraction > 0),
    frac_requests_hit_ge_0p8: share((fraction) => fraction >= 0.8),
  };
}

/** Time and requests from each use of a block to its next. */
function reuseGaps(table: TraceTable): Pick<PrefixCacheFacts, "block_reuse_time_gap_s" | "block_reuse_request_gap"> {
  const { offsets, ids, idCount } = table.segments!;
  const lastRow = new Int32Array(idCount).fill(-1);
  const times: number[] = [];
  const requests: number[] = [];
  for (let row = 0; row < table.count; row++) {
    for (let entry = offsets[row]!; entry < offsets[row + 1]!; entry++) {
      const before = lastRow[ids[entry]!]!;
      lastRow[ids[entry]!] = row;
      if (before < 0) continue;
      requests.push(row - before);
      if (table.arrivalUs !== undefined) times.push((table.arrivalUs[row]! - table.arrivalUs[before]!) / 1e6);
    }
  }
  if (requests.length === 0) return {};
  return {
    ...(times.length > 0 && table.releasedBy === undefined ? { block_reuse_time_gap_s: distribution(times) } : {}),
    block_reuse_request_gap: distribution(requests),
  };
}

function maxOverMean(values: Float64Array): number {
  return values.reduce((max, value) => Math.max(max, value), 0) / (sum(values) / values.length);
}

function sum(values: Int32Array | Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
