import { PolicyError } from "../errors.ts";
import type { PrefixMatchData } from "../framework/data.ts";
import type { ProfileResult } from "../framework/decision.ts";
import type { Endpoint } from "../framework/endpoint.ts";
import { defineProducer, type Hooks, type KvEvent, type PluginContext, type Producer } from "../framework/plugin.ts";
import type { InferenceRequest } from "../framework/request.ts";
import { durationUs } from "../framework/units.ts";
import { PrecisePrefixIndex } from "./precise-prefix-index.ts";
import {
  DEFAULT_POD_CACHE_SIZE,
  DEFAULT_SIZE_BLOCKS,
  DEFAULT_SPECULATIVE_TTL_US,
  type PrecisePrefixParameters,
  preciseBlockSizeTokens,
  precisePrefixParameters,
} from "./precise-prefix-parameters.ts";
import { PromptBlocks } from "./prompt-blocks.ts";
import { SpeculativeEntries } from "./speculative-entries.ts";
import { PREFILL_PROFILE } from "./targets.ts";
import { TOKEN_PRODUCER } from "./token-producer.ts";

/** The type, and the usual name, of the producer. */
export const PRECISE_PREFIX_CACHE_PRODUCER = "precise-prefix-cache-producer";

const DEFAULT_TIER_WEIGHTS = [
  { name: "gpu", weight: 1 },
  { name: "cpu", weight: 0.8 },
];
/** A tier of its own, that no configured weight applies to. */
const SPECULATIVE_TIER = 0;
const MAX_TIERS = 256;

/**
 * Knows each endpoint's cached prefix from the KV-cache events of its engine (llm-d-router,
 * `dataproducer/preciseprefixcache`). The host turns events into the keys of this producer's block size.
 */
export const precisePrefixCacheProducer = defineProducer<PrecisePrefixParameters>({
  type: PRECISE_PREFIX_CACHE_PRODUCER,
  summary: "Knows how much of the prompt each endpoint has cached, by tier, from the engines' KV-cache events",
  parameters: precisePrefixParameters,
  readsKvEvents: true,
  produces: ["prefix-match"],
  requires: () => [{ kind: "tokens", producer: TOKEN_PRODUCER }],
  create(given, context) {
    const { costAwareMemoryConfig, redisConfig } = given.indexerConfig?.kvBlockIndexConfig ?? {};
    const other = costAwareMemoryConfig ? "costAwareMemoryConfig" : redisConfig ? "redisConfig" : undefined;
    if (other !== undefined) throw new PolicyError(`${other} is not supported yet (use inMemoryConfig)`);
    return new PrecisePrefixCacheProducer(given, context);
  },
});

class PrecisePrefixCacheProducer implements Producer, Hooks {
  readonly data: { "prefix-match": PrefixMatchData };
  readonly #match: PrefixMatchData;
  readonly #context: PluginContext;
  readonly #blockSizeTokens: number;
  readonly #index: PrecisePrefixIndex;
  readonly #speculative: SpeculativeEntries | undefined;
  readonly #prompt = new PromptBlocks();
  /** Number of each tier seen or configured; the index's weights are by number. */
  readonly #tiers = new Map<string, number>();
  #nextTier: number;
  #eventsApplied = 0;
  /** Block size of an event that was passed over, 0 for none. */
  #otherBlockSizeTokens = 0;

  constructor(given: PrecisePrefixParameters, context: PluginContext) {
    this.#context = context;
    this.#blockSizeTokens = preciseBlockSizeTokens(given);
    const limits = given.indexerConfig?.kvBlockIndexConfig?.inMemoryConfig;
    const podCacheSize = limits?.podCacheSize ?? DEFAULT_POD_CACHE_SIZE;
    const tierWeights = [1];
    for (const { name, weight } of given.indexerConfig?.kvCacheBackendConfigs ?? DEFAULT_TIER_WEIGHTS) {
      this.#tiers.set(name, tierWeights.length);
      tierWeights.push(weight);
    }
    this.#nextTier = tierWeights.length;
    this.#index = new PrecisePrefixIndex({
      sizeBlocks: limits?.size ?? DEFAULT_SIZE_BLOCKS,
      podCacheSize: podCacheSize > 0 ? podCacheSize : DEFAULT_POD_CACHE_SIZE,
      tierWeights,
    });
    if (given.speculativeIndexing) {
      const ttlUs = durationUs(given.speculativeTTL) ?? 0;
      this.#speculative = new SpeculativeEntries(
        this.#index,
        SPECULATIVE_TIER,
        ttlUs > 0 ? ttlUs : DEFAULT_SPECULATIVE_TTL_US,
      );
    }
    this.#match = {
      ...{ available: false, totalBlocks: 0, blockSizeTokens: this.#blockSizeTokens },
      ...{ matchBlocks: new Float64Array(32), cachedBlocks: new Float64Array(32) },
    };
    this.data = { "prefix-match": this.#match };
  }

  produce(request: InferenceRequest, _endpoints: readonly Endpoint[], nowUs: number): void {
    this.#checkBlockSize();
    this.#speculative?.expire(nowUs);
    const match = this.#match;
    const prompt = this.#prompt;
    prompt.fill(request, this.#blockSizeTokens, false, Number.POSITIVE_INFINITY);
    match.totalBlocks = prompt.length;
    match.available = prompt.length > 0;
    match.matchBlocks.fill(0);
    match.cachedBlocks.fill(0);
    let from = 0;
    for (let p = 0; p < prompt.ends.length; p++) {
      this.#index.match(prompt, from, prompt.ends[p]!, match.matchBlocks, match.cachedBlocks);
      from = prompt.ends[p]!;
    }
    // Upstream truncates the weighted sum, so that two blocks at 0.8 count as one; `strict` keeps it whole.
    if (!this.#context.strict) truncate(match.matchBlocks);
  }

  preRequest(
    request: InferenceRequest,
    _ticket: number,
    primary: ProfileResult,
    profiles: readonly ProfileResult[],
    nowUs: number,
  ): void {
    if (this.#speculative === undefined) return;
    if (!this.#prompt.isOf(request)) {
      this.#prompt.fill(request, this.#blockSizeTokens, false, Number.POSITIVE_INFINITY);
    }
    this.#assume(primary.targets[0], nowUs);
    for (let i = 0; i < profiles.length; i++) {
      const result = profiles[i]!;
      if (result.profile === PREFILL_PROFILE && result !== primary) this.#assume(result.targets[0], nowUs);
    }
  }

  kvEvent(endpoint: Endpoint, event: KvEvent, nowUs: number): void {
    this.#speculative?.expire(nowUs);
    const slot = endpoint.slot;
    if (event.type === "cleared") {
      this.#forget(slot);
      return;
    }
    // With several producers of different block sizes each takes the events in its own.
    if (event.blockSizeTokens !== this.#blockSizeTokens) {
      this.#otherBlockSizeTokens = event.blockSizeTokens;
      return;
    }
    const keys = event.keys;
    if (keys === undefined) return;
    this.#eventsApplied++;
    this.#ensureSlot(slot);
    const tier = this.#tierOf(event.medium);
    if (event.type === "stored") this.#index.stored(slot, tier, keys.hi, keys.lo, 0, keys.length);
    else this.#index.removed(slot, tier, keys.hi, keys.lo, 0, keys.length);
  }

  endpointAdded(endpoint: Endpoint): void {
    this.#ensureSlot(endpoint.slot);
  }

  endpointRemoved(endpoint: Endpoint): void {
    this.#forget(endpoint.slot);
  }

  /** @throws PolicyError when events came, but none in this producer's block size: its keys would never match. */
  #checkBlockSize(): void {
    if (this.#otherBlockSizeTokens === 0 || this.#eventsApplied > 0) return;
    throw new PolicyError(
      `${this.#context.name}: KV events have blocks of ${this.#otherBlockSizeTokens} tokens, blockSizeTokens is ${this.#blockSizeTokens}`,
    );
  }

  #forget(slot: number): void {
    this.#index.cleared(slot);
    this.#speculative?.forget(slot);
  }

  #assume(endpoint: Endpoint | undefined, nowUs: number): void {
    if (endpoint === undefined) return;
    this.#ensureSlot(endpoint.slot);
    this.#speculative?.add(endpoint.slot, this.#prompt, nowUs);
  }

  #tierOf(medium: string): number {
    const name = medium === "" ? "gpu" : medium;
    const known = this.#tiers.get(name);
    if (known !== undefined) return known;
    // A tier beyond the configured ones counts 1.
    const tier = this.#nextTier++;
    if (tier >= MAX_TIERS) throw new PolicyError(`${this.#context.name}: more than ${MAX_TIERS} cache tiers`);
    this.#tiers.set(name, tier);
    return tier;
  }

  #ensureSlot(slot: number): void {
    if (slot < this.#match.matchBlocks.length) return;
    const wider = new Float64Array(Math.max(2 * this.#match.matchBlocks.length, slot + 1));
    wider.set(this.#match.matchBlocks);
    this.#match.matchBlocks = wider;
    this.#match.cachedBlocks = new Float64Array(wider.length);
  }
}

function truncate(values: Float64Array): void {
  for (let i = 0; i < values.length; i++) values[i] = Math.trunc(values[i]!);
}
