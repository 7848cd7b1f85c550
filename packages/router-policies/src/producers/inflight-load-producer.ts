import * as z from "zod";
import type { InFlightLoadData, PrefixMatchData, TokensData, UncachedTokensData } from "../framework/data.ts";
import type { ProfileResult } from "../framework/decision.ts";
import type { Endpoint } from "../framework/endpoint.ts";
import { defineProducer, type Hooks, type PluginContext, type Producer } from "../framework/plugin.ts";
import type { InferenceRequest } from "../framework/request.ts";
import { APPROX_PREFIX_CACHE_PRODUCER } from "./approx-prefix-cache-producer.ts";
import { InFlightLedger } from "./in-flight-ledger.ts";
import { PREFILL_PROFILE } from "./targets.ts";
import { TOKEN_PRODUCER } from "./token-producer.ts";

/** The name under which in-flight load is looked for unless a consumer names another producer. */
export const INFLIGHT_LOAD_PRODUCER = "inflight-load-producer";

const parameters = z.strictObject({
  addEstimatedOutputTokens: z.boolean().default(false).describe("count an estimate of the answer's tokens too"),
  outputRatio: z.number().nonnegative().default(1.5).describe("estimated output tokens per prompt token"),
  maxEstimatedOutputTokens: z.int().nonnegative().optional().describe("upper bound of the estimate"),
  prefixMatchInfoProducerName: z.string().optional().describe(`default ${APPROX_PREFIX_CACHE_PRODUCER}`),
  syncCrossReplicaState: z
    .boolean()
    .default(true)
    .describe("share the load with other router replicas: the host's part"),
});
type Parameters = z.output<typeof parameters>;

/**
 * Counts the requests and tokens that this router has sent to each endpoint and not yet seen finished (llm-d-router,
 * `dataproducer/inflightload/producer.go`).
 */
export const inflightLoadProducer = defineProducer<Parameters>({
  type: INFLIGHT_LOAD_PRODUCER,
  summary: "Counts the requests and tokens sent to each endpoint and not yet finished",
  parameters,
  produces: ["in-flight-load", "uncached-tokens"],
  requires: (given) => [
    { kind: "tokens", producer: TOKEN_PRODUCER },
    {
      kind: "prefix-match",
      producer: given.prefixMatchInfoProducerName || APPROX_PREFIX_CACHE_PRODUCER,
      optional: true,
    },
  ],
  create: (given, context) => new InFlightLoadProducer(given, context),
});

class InFlightLoadProducer implements Producer, Hooks {
  readonly data: { "in-flight-load": InFlightLoadData; "uncached-tokens": UncachedTokensData };
  readonly #parameters: Parameters;
  readonly #tokens: TokensData;
  /** Undefined where nothing produces it: it is optional. */
  readonly #prefix: PrefixMatchData | undefined;
  readonly #ledger = new InFlightLedger();
  readonly #uncached: UncachedTokensData = { tokens: new Float64Array(32) };

  constructor(given: Parameters, context: PluginContext) {
    this.#parameters = given;
    this.#tokens = context.data("tokens", TOKEN_PRODUCER);
    this.#prefix = context.data("prefix-match", given.prefixMatchInfoProducerName || APPROX_PREFIX_CACHE_PRODUCER);
    this.data = { "in-flight-load": this.#ledger.load, "uncached-tokens": this.#uncached };
  }

  produce(request: InferenceRequest, endpoints: readonly Endpoint[]): void {
    for (let i = 0; i < endpoints.length; i++) {
      const slot = endpoints[i]!.slot;
      if (slot >= this.#uncached.tokens.length) this.#ensureSlot(slot);
      this.#uncached.tokens[slot] = this.#requestTokens(request, slot);
    }
  }

  preRequest(
    request: InferenceRequest,
    ticket: number,
    _primary: ProfileResult,
    profiles: readonly ProfileResult[],
  ): void {
    for (let i = 0; i < profiles.length; i++) {
      const { profile, targets } = profiles[i]!;
      if (targets.length === 0) continue;
      const slot = targets[0]!.slot;
      this.#ensureSlot(slot);
      this.#ledger.add(ticket, slot, this.#requestTokens(request, slot), profile === PREFILL_PROFILE);
    }
  }

  /**
   * The first chunk says that prefill is done: the `prefill` target is free, and prompt tokens no longer wait to be
   * computed. With estimated output, tokens stay until the answer has ended.
   */
  responseStarted(ticket: number): void {
    this.#ledger.started(ticket, !this.#parameters.addEstimatedOutputTokens);
  }

  responseEnded(ticket: number): void {
    this.#ledger.ended(ticket);
  }

  endpointAdded(endpoint: Endpoint): void {
    this.#ensureSlot(endpoint.slot);
  }

  endpointRemoved(endpoint: Endpoint): void {
    this.#ledger.forget(endpoint.slot);
  }

  /** Tokens that the endpoint would have to compute for this request; a partly filled block counts whole. */
  #requestTokens(request: InferenceRequest, slot: number): number {
    const input = this.#tokens.available ? this.#tokens.promptTokens : 0;
    const output = this.#parameters.addEstimatedOutputTokens ? this.#outputTokens(input, request.maxOutputTokens) : 0;
    const prefix = this.#prefix;
    if (prefix === undefined || !prefix.available || prefix.blockSizeTokens <= 0) return input + output;
    const { totalBlocks, blockSizeTokens } = prefix;
    const uncachedBlocks = Math.max(0, totalBlocks - (prefix.matchBlocks[slot] ?? 0));
    // Prompts longer than the index looks at: the tail counts as well.
    const tail = Math.max(0, input - totalBlocks * blockSizeTokens);
    return uncachedBlocks * blockSizeTokens + tail + output;
  }

  #outputTokens(input: number, maxOutputTokens: number | undefined): number {
    const estimate = Math.round(input * this.#parameters.outputRatio);
    const cap = this.#parameters.maxEstimatedOutputTokens ?? Number.POSITIVE_INFINITY;
    return Math.min(estimate, maxOutputTokens ?? Number.POSITIVE_INFINITY, cap);
  }

  #ensureSlot(slot: number): void {
    this.#ledger.ensureSlot(slot);
    if (slot < this.#uncached.tokens.length) return;
    const wider = new Float64Array(Math.max(2 * this.#uncached.tokens.length, slot + 1));
    wider.set(this.#uncached.tokens);
    this.#uncached.tokens = wider;
  }
}
