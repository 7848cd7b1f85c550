import * as z from "zod";
import { NEVER_SCRAPED_US } from "../framework/endpoint.ts";
import { defineScorer } from "../framework/plugin.ts";

/** Prefers empty KV caches: 1 − usage, 0 when usage exceeds 1. Source: llm-d-router `scorer/kvcacheutilization`. */
export const kvCacheUtilizationScorer = defineScorer({
  type: "kv-cache-utilization-scorer",
  summary: "Prefers endpoints with more free KV cache.",
  parameters: z.strictObject({}),
  ignoresParameters: true,
  readsMetrics: true,
  requiresExtractor: true,
  create: (_parameters, context) => ({
    score(_request, endpoints, scores) {
      for (let i = 0; i < endpoints.length; i++) {
        const metrics = endpoints[i]!.metrics;
        const free = 1 - metrics.kvCacheUsageFraction;
        // Upstream reads a never-scraped endpoint's usage as 0, which makes it the best.
        scores[i] = free < 0 || (context.strict && metrics.updatedAtUs === NEVER_SCRAPED_US) ? 0 : free;
      }
    },
    facts: (endpoint) => `${endpoint.metrics.kvCacheUsageFraction.toFixed(3)} of KV cache used`,
  }),
});
