import * as z from "zod";
import { NEVER_SCRAPED_US } from "../framework/endpoint.ts";
import { defineScorer } from "../framework/plugin.ts";

const DEFAULT_THRESHOLD = 128;

/**
 * Scores 0.5 for an empty queue, less the longer it is: 0.5 · (1 − min(q, T) / T). Source: llm-d-router
 * `scorer/loadaware`.
 */
export const loadAwareScorer = defineScorer({
  type: "load-aware-scorer",
  summary: "Scores 0.5 for an empty waiting queue, falling to 0 at the threshold.",
  parameters: z.strictObject({
    threshold: z.number().int().default(DEFAULT_THRESHOLD).describe("waiting requests; 0 and less: 128"),
  }),
  readsMetrics: true,
  create(parameters, context) {
    const threshold = parameters.threshold <= 0 ? DEFAULT_THRESHOLD : parameters.threshold;
    return {
      score(_request, endpoints, scores) {
        for (let i = 0; i < endpoints.length; i++) {
          const metrics = endpoints[i]!.metrics;
          const queue = metrics.waitingQueueSize;
          const unknown = context.strict && metrics.updatedAtUs === NEVER_SCRAPED_US;
          scores[i] = unknown ? 0 : 0.5 * (1 - Math.min(queue, threshold) / threshold);
        }
      },
      facts: (endpoint) => `${endpoint.metrics.waitingQueueSize} waiting`,
    };
  },
});
