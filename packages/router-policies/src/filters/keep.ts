import type { Endpoint } from "../framework/endpoint.ts";

/**
 * The endpoints that `keeps` accepts, in order: `endpoints` itself when that is all of them, else `scratch`, filled
 * anew.
 */
export function keepWhere(
  endpoints: readonly Endpoint[],
  scratch: Endpoint[],
  keeps: (endpoint: Endpoint) => boolean,
): readonly Endpoint[] {
  const count = endpoints.length;
  let same = 0;
  while (same < count && keeps(endpoints[same]!)) same++;
  if (same === count) return endpoints;
  // The candidates may be this very scratch when one filter stands twice in a profile.
  const kept = endpoints === scratch ? [] : scratch;
  let length = 0;
  for (let i = 0; i < count; i++) {
    const endpoint = endpoints[i]!;
    if (i < same || (i > same && keeps(endpoint))) kept[length++] = endpoint;
  }
  if (kept.length !== length) kept.length = length;
  return kept;
}
