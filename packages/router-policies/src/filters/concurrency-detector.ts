import * as z from "zod";
import type { Endpoint } from "../framework/endpoint.ts";
import { defineFilter } from "../framework/plugin.ts";
import { INFLIGHT_LOAD_PRODUCER } from "../producers/inflight-load-producer.ts";
import { keepWhere } from "./keep.ts";

const parameters = z.strictObject({
  maxConcurrency: z.int().positive().default(100).describe("requests in flight that fill an endpoint"),
  maxTokenConcurrency: z.int().positive().default(1_000_000).describe("tokens in flight that fill an endpoint"),
  concurrencyMode: z.enum(["requests", "tokens", "hybrid"]).default("requests").describe("what is counted"),
  headroom: z.number().min(0).default(0).describe("share above the capacity that the filter still lets through"),
  inFlightLoadProducerName: z.string().optional().describe(`default ${INFLIGHT_LOAD_PRODUCER}`),
});

/**
 * How full the pool is by what this router has in flight: Σ in flight / Σ capacity; hybrid: the mean of each endpoint's
 * fuller ratio. As a filter it keeps endpoints below capacity · (1 + headroom), none when all are full. Source: llm-d-router
 * `plugins/flowcontrol/saturationdetector/concurrency`.
 */
export const concurrencyDetector = defineFilter<z.output<typeof parameters>>({
  type: "concurrency-detector",
  summary: "Measures saturation from the requests or tokens in flight; as a filter, drops endpoints that are full.",
  parameters,
  detectsSaturation: true,
  requires: (given) => [{ kind: "in-flight-load", producer: given.inFlightLoadProducerName || INFLIGHT_LOAD_PRODUCER }],
  create({ maxConcurrency, maxTokenConcurrency, concurrencyMode: mode, headroom, inFlightLoadProducerName }, context) {
    const load = context.data("in-flight-load", inFlightLoadProducerName || INFLIGHT_LOAD_PRODUCER);
    const requestLimit = Math.floor(maxConcurrency * (1 + headroom));
    const tokenLimit = Math.floor(maxTokenConcurrency * (1 + headroom));
    const scratch: Endpoint[] = [];
    const keeps = ({ slot }: Endpoint): boolean =>
      (mode === "tokens" || (load.requests[slot] ?? 0) < requestLimit) &&
      (mode === "requests" || (load.tokens[slot] ?? 0) < tokenLimit);
    return {
      filter: (_request, endpoints) => keepWhere(endpoints, scratch, keeps),
      saturation(endpoints) {
        if (endpoints.length === 0) return 1;
        let sum = 0;
        for (const { slot } of endpoints) {
          const requests = (load.requests[slot] ?? 0) / maxConcurrency;
          const tokens = (load.tokens[slot] ?? 0) / maxTokenConcurrency;
          if (mode === "hybrid") sum += Math.max(requests, tokens);
          else sum += mode === "tokens" ? tokens : requests;
        }
        return sum / endpoints.length;
      },
    };
  },
});
