import * as z from "zod";
import type { InFlightLoadData } from "../framework/data.ts";
import type { Endpoint } from "../framework/endpoint.ts";
import { defineFilter } from "../framework/plugin.ts";
import { INFLIGHT_LOAD_PRODUCER } from "../producers/inflight-load-producer.ts";
import { keepWhere } from "./keep.ts";

const METRICS = ["active-requests", "running-requests", "waiting-queue", "kv-cache-utilization"] as const;
type Metric = (typeof METRICS)[number];

const parameters = z.strictObject({
  conditions: z
    .array(z.strictObject({ metric: z.enum(METRICS), maxValue: z.number() }))
    .min(1)
    .describe("all must hold: metric ≤ maxValue"),
  fallbackOnEmpty: z.boolean().default(false).describe("keep all where none meets the conditions"),
  inFlightLoadProducerName: z.string().optional().describe(`default ${INFLIGHT_LOAD_PRODUCER}`),
});

function readingOf(metric: Metric, { slot, metrics }: Endpoint, load: InFlightLoadData): number {
  if (metric === "active-requests") return load.requests[slot] ?? 0;
  if (metric === "running-requests") return metrics.runningRequestsSize;
  return metric === "waiting-queue" ? metrics.waitingQueueSize : metrics.kvCacheUsageFraction;
}

/** Keeps endpoints whose load is at most what each condition says. Source: llm-d-router `filter/utilization`. */
export const utilizationFilter = defineFilter<z.output<typeof parameters>>({
  type: "utilization-filter",
  summary: "Keeps endpoints whose queue, running or in-flight requests and KV usage are within limits.",
  parameters,
  alpha: true,
  readsMetrics: true,
  requires: (given) => [{ kind: "in-flight-load", producer: given.inFlightLoadProducerName || INFLIGHT_LOAD_PRODUCER }],
  create({ conditions, fallbackOnEmpty, inFlightLoadProducerName }, context) {
    const load = context.data("in-flight-load", inFlightLoadProducerName || INFLIGHT_LOAD_PRODUCER);
    const scratch: Endpoint[] = [];
    const keeps = (endpoint: Endpoint): boolean =>
      conditions.every(({ metric, maxValue }) => readingOf(metric, endpoint, load) <= maxValue);
    return {
      filter(_request, endpoints) {
        const kept = keepWhere(endpoints, scratch, keeps);
        return kept.length === 0 && fallbackOnEmpty ? endpoints : kept;
      },
    };
  },
});
