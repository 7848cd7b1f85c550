import { type Endpoint, NEVER_SCRAPED_US } from "../framework/endpoint.ts";

/**
 * Scores candidates by (max − value) / (max − min) of one gauge; all equal, also a single one, score 1.
 *
 * @param strict gives a never-scraped endpoint 0 and leaves it out of the range; upstream reads its gauge as 0, which
 *   makes it the best
 */
export function scoreLowestGauge(
  endpoints: readonly Endpoint[],
  scores: Float64Array,
  gauge: "waitingQueueSize" | "runningRequestsSize",
  strict: boolean,
): void {
  const count = endpoints.length;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < count; i++) {
    const metrics = endpoints[i]!.metrics;
    if (strict && metrics.updatedAtUs === NEVER_SCRAPED_US) continue;
    const value = metrics[gauge];
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const range = max - min;
  for (let i = 0; i < count; i++) {
    const metrics = endpoints[i]!.metrics;
    if (strict && metrics.updatedAtUs === NEVER_SCRAPED_US) scores[i] = 0;
    else scores[i] = range === 0 ? 1 : (max - metrics[gauge]) / range;
  }
}
