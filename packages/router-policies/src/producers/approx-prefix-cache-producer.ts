import * as z from "zod";
import type { PrefixMatchData } from "../framework/data.ts";
import type { ProfileResult } from "../framework/decision.ts";
import type { Endpoint } from "../framework/endpoint.ts";
import { defineProducer, type Hooks, type PluginContext, type Producer } from "../framework/plugin.ts";
import type { InferenceRequest } from "../framework/request.ts";
import { ApproxPrefixIndex } from "./approx-prefix-index.ts";
import { PromptBlocks } from "./prompt-blocks.ts";
import { PREFILL_PROFILE } from "./targets.ts";
import { TOKEN_PRODUCER } from "./token-producer.ts";

/** The name under which prefix matches are looked for unless a consumer names another producer. */
export const APPROX_PREFIX_CACHE_PRODUCER = "approx-prefix-cache-producer";

const BLOCK_SIZE_FLOOR_TOKENS = 64;
const DEFAULT_BLOCK_SIZE_TOKENS = 16;
const DEFAULT_LRU_CAPACITY_BLOCKS = 31250;

const parameters = z.strictObject({
  autoTune: z.boolean().default(true).describe("take block size and capacity from the engines' metrics"),
  blockSizeTokens: z.int().optional().describe(`default ${DEFAULT_BLOCK_SIZE_TOKENS}; at least 64 is used`),
  blockSize: z.int().optional().describe("deprecated: read as blockSizeTokens when that is unset"),
  maxPrefixTokensToMatch: z.int().default(131072).describe("per prompt; 0: maxPrefixBlocksToMatch applies"),
  maxPrefixBlocksToMatch: z.int().default(2048).describe("per prompt; 0 with maxPrefixTokensToMatch 0: unlimited"),
  lruCapacityPerServer: z.int().default(DEFAULT_LRU_CAPACITY_BLOCKS).describe("blocks; 0 or less: the default"),
});
type Parameters = z.output<typeof parameters>;

/**
 * Guesses each endpoint's cached prefix from where earlier requests went (llm-d-router,
 * `dataproducer/approximateprefix/plugin.go`). Nothing tells it what engines evict.
 */
export const approxPrefixCacheProducer = defineProducer<Parameters>({
  type: APPROX_PREFIX_CACHE_PRODUCER,
  summary: "Guesses how much of the prompt each endpoint has cached from where earlier requests were sent",
  parameters,
  readsMetrics: true,
  produces: ["prefix-match"],
  requires: () => [{ kind: "tokens", producer: TOKEN_PRODUCER }],
  create: (given, context) => new ApproxPrefixCacheProducer(given, context),
});

class ApproxPrefixCacheProducer implements Producer, Hooks {
  readonly data: { "prefix-match": PrefixMatchData };
  readonly #match: PrefixMatchData;
  readonly #parameters: Parameters;
  readonly #strict: boolean;
  readonly #index = new ApproxPrefixIndex();
  readonly #prompt = new PromptBlocks();
  #blockSizeTokens: number;
  /** Slots below this one have been in use. */
  #slots = 0;

  constructor(given: Parameters, context: PluginContext) {
    this.#parameters = given;
    this.#strict = context.strict;
    this.#blockSizeTokens = this.#floored(given.blockSizeTokens ?? given.blockSize ?? 0);
    const blocks = new Float64Array(32);
    this.#match = {
      available: true,
      totalBlocks: 0,
      blockSizeTokens: this.#blockSizeTokens,
      matchBlocks: blocks,
      cachedBlocks: blocks,
    };
    this.data = { "prefix-match": this.#match };
  }

  produce(request: InferenceRequest, endpoints: readonly Endpoint[]): void {
    const match = this.#match;
    const prompt = this.#prompt;
    if (this.#parameters.autoTune) this.#tuneBlockSize(endpoints[0]);
    this.#fill(request);
    match.blockSizeTokens = this.#blockSizeTokens;
    match.totalBlocks = prompt.length;
    const { matchBlocks } = match;
    for (let slot = 0; slot < this.#slots; slot++) matchBlocks[slot] = 0;
    let from = 0;
    for (let p = 0; p < prompt.ends.length; p++) {
      const to = prompt.ends[p]!;
      this.#index.match(prompt, from, to, matchBlocks);
      from = to;
    }
  }

  /** Assumes that the primary target, and the target of a profile named `prefill`, will now hold the prompt. */
  preRequest(
    request: InferenceRequest,
    _ticket: number,
    primary: ProfileResult,
    profiles: readonly ProfileResult[],
  ): void {
    // Another request may have been looked up since this one was, if it waited in a queue.
    if (!this.#prompt.isOf(request)) this.#fill(request);
    this.#insert(primary.targets[0]);
    for (let i = 0; i < profiles.length; i++) {
      const result = profiles[i]!;
      if (result.profile === PREFILL_PROFILE && result !== primary) this.#insert(result.targets[0]);
    }
  }

  endpointAdded(endpoint: Endpoint): void {
    this.#ensureSlot(endpoint.slot);
  }

  /** At once, where upstream purges within two minutes: the slot may be another endpoint's by then. */
  endpointRemoved(endpoint: Endpoint): void {
    this.#index.remove(endpoint.slot);
  }

  #fill(request: InferenceRequest): void {
    this.#prompt.fill(request, this.#blockSizeTokens, true, this.#maxBlocks());
  }

  #insert(endpoint: Endpoint | undefined): void {
    if (endpoint === undefined) return;
    this.#ensureSlot(endpoint.slot);
    const capacityBlocks = this.#capacityBlocks(endpoint);
    const ends = this.#prompt.ends;
    let from = 0;
    for (let p = 0; p < ends.length; p++) {
      this.#index.insert(endpoint.slot, this.#prompt, from, ends[p]!, capacityBlocks);
      from = ends[p]!;
    }
  }

  #tuneBlockSize(first: Endpoint | undefined): void {
    const reported = first?.metrics.cacheBlockSizeTokens ?? 0;
    const given = this.#parameters.blockSizeTokens ?? this.#parameters.blockSize ?? 0;
    this.#blockSizeTokens = this.#floored(reported > 0 ? reported : given);
  }

  /** Upstream never goes below 64 tokens, whatever is configured; `strict` takes what is configured. */
  #floored(blockSizeTokens: number): number {
    const size = blockSizeTokens > 0 ? blockSizeTokens : DEFAULT_BLOCK_SIZE_TOKENS;
    return this.#strict ? size : Math.max(size, BLOCK_SIZE_FLOOR_TOKENS);
  }

  #maxBlocks(): number {
    const { maxPrefixTokensToMatch: tokens, maxPrefixBlocksToMatch: blocks } = this.#parameters;
    if (tokens > 0) return Math.floor(tokens / this.#blockSizeTokens);
    return blocks > 0 ? blocks : Number.POSITIVE_INFINITY;
  }

  /**
   * Upstream counts the engine's blocks, of mostly 16 tokens, as its own of 64 and so overestimates the cache about
   * fourfold; `strict` converts.
   */
  #capacityBlocks(endpoint: Endpoint): number {
    const { cacheNumBlocks, cacheBlockSizeTokens } = endpoint.metrics;
    if (this.#parameters.autoTune && cacheNumBlocks > 0) {
      if (!this.#strict || cacheBlockSizeTokens <= 0) return cacheNumBlocks;
      return Math.max(1, Math.floor((cacheNumBlocks * cacheBlockSizeTokens) / this.#blockSizeTokens));
    }
    const given = this.#parameters.lruCapacityPerServer;
    return given > 0 ? given : DEFAULT_LRU_CAPACITY_BLOCKS;
  }

  #ensureSlot(slot: number): void {
    if (slot >= this.#slots) this.#slots = slot + 1;
    if (slot < this.#match.matchBlocks.length) return;
    const wider = new Float64Array(Math.max(2 * this.#match.matchBlocks.length, slot + 1));
    wider.set(this.#match.matchBlocks);
    this.#match.matchBlocks = wider;
    this.#match.cachedBlocks = wider;
  }
}
