import * as z from "zod";
import { PolicyError } from "../errors.ts";
import type { InFlightLoadData, PrefixMatchData } from "../framework/data.ts";
import type { Endpoint } from "../framework/endpoint.ts";
import { defineFilter, type Filter, type PluginContext } from "../framework/plugin.ts";
import type { InferenceRequest } from "../framework/request.ts";
import { APPROX_PREFIX_CACHE_PRODUCER } from "../producers/approx-prefix-cache-producer.ts";
import { INFLIGHT_LOAD_PRODUCER } from "../producers/inflight-load-producer.ts";

const parameters = z.strictObject({
  affinityThreshold: z.number().max(1).default(0.8).describe("matched share from which an endpoint is sticky; 0: off"),
  explorationProbability: z.number().min(0).max(1).default(0).describe("share of requests that are let through"),
  maxTTFTPenaltyMs: z.number().default(18000).describe("extra wait that stickiness may cost; 0: any"),
  ttftSource: z.enum(["prefillThroughput", "latencyPredictor"]).default("prefillThroughput"),
  peakPrefillThroughput: z.number().positive().default(15928).describe("tokens per second"),
  prefixMatchInfoProducerName: z.string().optional().describe(`default ${APPROX_PREFIX_CACHE_PRODUCER}`),
  inFlightLoadProducerName: z.string().optional().describe(`default ${INFLIGHT_LOAD_PRODUCER}`),
  latencyPredictionInfoProducerName: z.string().optional(),
  prefillCalibrationFile: z.string().optional().describe("not supported: give peakPrefillThroughput"),
  prefillCalibrationFingerprint: z.string().optional(),
  prefillCalibrationRequired: z.boolean().optional(),
});
type Parameters = z.output<typeof parameters>;

/** Keeps to the endpoints that have the prompt cached until they are too busy (llm-d-router, `filter/prefixcacheaffinity`). */
export const prefixCacheAffinityFilter = defineFilter<Parameters>({
  type: "prefix-cache-affinity-filter",
  summary: "Keeps the endpoints that have most of the prompt cached, unless they are too busy",
  parameters,
  requires: (given) => [
    { kind: "prefix-match", producer: given.prefixMatchInfoProducerName || APPROX_PREFIX_CACHE_PRODUCER },
    { kind: "in-flight-load", producer: given.inFlightLoadProducerName || INFLIGHT_LOAD_PRODUCER },
  ],
  create(given, context) {
    if (given.ttftSource === "latencyPredictor") {
      throw new PolicyError(
        `${context.name}: ttftSource latencyPredictor needs predicted-latency-producer, not supported yet (use prefillThroughput)`,
      );
    }
    if (given.prefillCalibrationFile !== undefined) {
      throw new PolicyError(`${context.name}: prefillCalibrationFile is not supported yet (use peakPrefillThroughput)`);
    }
    return new PrefixCacheAffinityFilter(given, context);
  },
});

class PrefixCacheAffinityFilter implements Filter {
  readonly #given: Parameters;
  readonly #context: PluginContext;
  readonly #match: PrefixMatchData;
  readonly #load: InFlightLoadData;

  constructor(given: Parameters, context: PluginContext) {
    this.#given = given;
    this.#context = context;
    this.#match = context.data("prefix-match", given.prefixMatchInfoProducerName || APPROX_PREFIX_CACHE_PRODUCER);
    this.#load = context.data("in-flight-load", given.inFlightLoadProducerName || INFLIGHT_LOAD_PRODUCER);
  }

  filter(_request: InferenceRequest, endpoints: readonly Endpoint[]): readonly Endpoint[] {
    const { affinityThreshold, explorationProbability, maxTTFTPenaltyMs } = this.#given;
    if (endpoints.length <= 1 || affinityThreshold <= 0) return endpoints;
    if (explorationProbability > 0 && this.#context.random.next() < explorationProbability) return endpoints;
    const sticky: Endpoint[] = [];
    let bestStickyMs = Number.POSITIVE_INFINITY;
    let bestOtherMs = Number.POSITIVE_INFINITY;
    for (let i = 0; i < endpoints.length; i++) {
      const endpoint = endpoints[i]!;
      const ttftMs = ((this.#load.tokens[endpoint.slot] ?? 0) / this.#given.peakPrefillThroughput) * 1000;
      if (this.#matchedFraction(endpoint) >= affinityThreshold) {
        sticky.push(endpoint);
        bestStickyMs = Math.min(bestStickyMs, ttftMs);
      } else bestOtherMs = Math.min(bestOtherMs, ttftMs);
    }
    if (sticky.length === 0 || sticky.length === endpoints.length) return endpoints;
    if (maxTTFTPenaltyMs > 0 && bestStickyMs - bestOtherMs > maxTTFTPenaltyMs) return endpoints;
    return sticky;
  }

  #matchedFraction(endpoint: Endpoint): number {
    const { available, totalBlocks, matchBlocks } = this.#match;
    return available && totalBlocks > 0 ? (matchBlocks[endpoint.slot] ?? 0) / totalBlocks : 0;
  }
}
