import * as z from "zod";
import { defineScorer } from "../framework/plugin.ts";
import { scoreLowestGauge } from "./lowest-gauge.ts";

/** Prefers few running requests: (max − r) / (max − min). Source: llm-d-router `scorer/runningrequests`. */
export const runningRequestsSizeScorer = defineScorer({
  type: "running-requests-size-scorer",
  summary: "Prefers endpoints with fewer running requests, relative to the other candidates.",
  parameters: z.strictObject({}),
  ignoresParameters: true,
  readsMetrics: true,
  requiresExtractor: true,
  create: (_parameters, context) => ({
    score(_request, endpoints, scores) {
      for (let i = 0; i < endpoints.length; i++) scores[i] = endpoints[i]!.metrics.runningRequestsSize;
      scoreLowestGauge(scores, endpoints, context.strict);
    },
    facts: (endpoint) => `${endpoint.metrics.runningRequestsSize} running`,
  }),
});
