import { type Endpoint, NEVER_SCRAPED_US } from "../framework/endpoint.ts";

/**
 * Turns gauge values, which stand in `scores`, into (max − value) / (max − min); all equal, also a single one, gives 1.
 *
 * @param strict gives a never-scraped endpoint 0 and leaves it out of the range; upstream reads its gauge as 0, which
 *   makes it the best
 */
export function scoreLowestGauge(scores: Float64Array, endpoints: readonly Endpoint[], strict: boolean): void {
  const count = endpoints.length;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < count; i++) {
    if (strict && isUnknown(endpoints[i]!)) continue;
    const value = scores[i]!;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const range = max - min;
  for (let i = 0; i < count; i++) scores[i] = range === 0 ? 1 : (max - scores[i]!) / range;
  if (strict) for (let i = 0; i < count; i++) if (isUnknown(endpoints[i]!)) scores[i] = 0;
}

const isUnknown = (endpoint: Endpoint): boolean => endpoint.metrics.updatedAtUs === NEVER_SCRAPED_US;
