import * as z from "zod";
import { defineScorer } from "../framework/plugin.ts";
import { scoreLowestGauge } from "./lowest-gauge.ts";

/** Prefers short waiting queues: (max − q) / (max − min). Source: llm-d-router `scorer/queuedepth`. */
export const queueScorer = defineScorer({
  type: "queue-scorer",
  summary: "Prefers endpoints with fewer waiting requests, relative to the other candidates.",
  parameters: z.strictObject({}),
  ignoresParameters: true,
  readsMetrics: true,
  requiresExtractor: true,
  create: (_parameters, context) => ({
    score(_request, endpoints, scores) {
      for (let i = 0; i < endpoints.length; i++) scores[i] = endpoints[i]!.metrics.waitingQueueSize;
      scoreLowestGauge(scores, endpoints, context.strict);
    },
    facts: (endpoint) => `${endpoint.metrics.waitingQueueSize} waiting`,
  }),
});
