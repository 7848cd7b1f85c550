import * as z from "zod";
import { defineScorer } from "../framework/plugin.ts";
import { INFLIGHT_LOAD_PRODUCER } from "../producers/inflight-load-producer.ts";

const DEFAULT_QUEUE_THRESHOLD_TOKENS = 4194304;

const parameters = z.strictObject({
  queueThresholdTokens: z
    .number()
    .default(DEFAULT_QUEUE_THRESHOLD_TOKENS)
    .describe("load that scores 0; 0 or less: the default"),
  inFlightLoadProducerName: z.string().optional().describe(`default ${INFLIGHT_LOAD_PRODUCER}`),
});

/**
 * 1 − min(t, T) / T over t = tokens in flight + tokens that this request adds (llm-d-router, `scorer/tokenload`). The
 * uncached tokens have no default producer: inflight-load-producer must be listed.
 */
export const tokenLoadScorer = defineScorer<z.output<typeof parameters>>({
  type: "token-load-scorer",
  summary: "Prefers endpoints with fewer prompt tokens waiting, this request's own counted",
  parameters,
  requires: (given) => {
    const producer = given.inFlightLoadProducerName || INFLIGHT_LOAD_PRODUCER;
    return [
      { kind: "in-flight-load", producer },
      { kind: "uncached-tokens", producer },
    ];
  },
  create(given, context) {
    const producer = given.inFlightLoadProducerName || INFLIGHT_LOAD_PRODUCER;
    const load = context.data("in-flight-load", producer);
    const uncached = context.data("uncached-tokens", producer);
    const threshold = given.queueThresholdTokens > 0 ? given.queueThresholdTokens : DEFAULT_QUEUE_THRESHOLD_TOKENS;
    return {
      score(_request, endpoints, scores) {
        const inFlight = load.tokens;
        const added = uncached.tokens;
        for (let i = 0; i < endpoints.length; i++) {
          const slot = endpoints[i]!.slot;
          const tokens = (inFlight[slot] ?? 0) + (added[slot] ?? 0);
          scores[i] = tokens <= 0 ? 1 : 1 - Math.min(tokens, threshold) / threshold;
        }
      },
      facts: ({ slot }) => `${load.tokens[slot] ?? 0} tokens in flight + ${uncached.tokens[slot] ?? 0} uncached`,
    };
  },
});
