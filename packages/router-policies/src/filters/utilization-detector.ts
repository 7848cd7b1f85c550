import * as z from "zod";
import { type Endpoint, type EndpointMetrics, NEVER_SCRAPED_US } from "../framework/endpoint.ts";
import { defineFilter } from "../framework/plugin.ts";
import { durationUs } from "../framework/units.ts";
import { keepWhere } from "./keep.ts";

const DEFAULT_STALENESS = "200ms";
/** `--metrics-staleness-threshold` of the EPP, which upstream's detector does not use. */
const SERVER_STALENESS = "2s";

/**
 * How full the pool is: the mean over endpoints of max(queue / threshold, KV usage / threshold), 1 for an endpoint with
 * stale metrics, 1 for an empty pool. As a filter it keeps endpoints below both thresholds, all when none is. Source:
 * llm-d-router `plugins/flowcontrol/saturationdetector/utilization`.
 */
export const utilizationDetector = defineFilter({
  type: "utilization-detector",
  summary: "Measures saturation from queue depth and KV usage; as a filter, drops endpoints beyond the thresholds.",
  readsMetrics: true,
  detectsSaturation: true,
  parameters: z.strictObject({
    queueDepthThreshold: z.number().int().positive().default(5),
    kvCacheUtilThreshold: z.number().positive().max(1).default(0.8),
    metricsStalenessThreshold: z
      .string()
      .refine((text) => durationUs(text) !== undefined, { error: 'a Go duration such as "200ms"' })
      .optional()
      .describe(`default ${DEFAULT_STALENESS}; strictly the server's ${SERVER_STALENESS}`),
    headroom: z.number().min(0).default(0),
  }),
  create(parameters, context) {
    const { queueDepthThreshold, kvCacheUtilThreshold, headroom } = parameters;
    const staleness = parameters.metricsStalenessThreshold ?? (context.strict ? SERVER_STALENESS : DEFAULT_STALENESS);
    const staleAfterUs = durationUs(staleness)!;
    const scratch: Endpoint[] = [];
    const queueLimit = queueDepthThreshold * (1 + headroom);
    const kvLimit = kvCacheUtilThreshold * (1 + headroom);
    let nowUs = 0;
    const isStale = (metrics: Readonly<EndpointMetrics>): boolean =>
      metrics.updatedAtUs === NEVER_SCRAPED_US || nowUs - metrics.updatedAtUs > staleAfterUs;
    const keeps = ({ metrics }: Endpoint): boolean =>
      metrics.waitingQueueSize < queueLimit && metrics.kvCacheUsageFraction < kvLimit && !isStale(metrics);
    return {
      filter(_request, endpoints, now) {
        nowUs = now;
        const kept = keepWhere(endpoints, scratch, keeps);
        return kept.length === 0 ? endpoints : kept;
      },
      saturation(endpoints, now) {
        nowUs = now;
        if (endpoints.length === 0) return 1;
        let sum = 0;
        for (const { metrics } of endpoints) {
          const queue = metrics.waitingQueueSize / queueDepthThreshold;
          const kv = metrics.kvCacheUsageFraction / kvCacheUtilThreshold;
          sum += isStale(metrics) ? 1 : Math.max(queue, kv);
        }
        return sum / endpoints.length;
      },
    };
  },
});
