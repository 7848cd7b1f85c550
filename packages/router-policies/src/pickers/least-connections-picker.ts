import type { Endpoint } from "../framework/endpoint.ts";
import { definePicker } from "../framework/plugin.ts";
import { inFlightParameters, requiresInFlightLoad } from "./in-flight-picking.ts";
import { drawIndex, takeOne } from "./picking.ts";

/** Picks the endpoint with the fewest requests in flight through this router, whatever the scores; ties at random. */
export const leastConnectionsPicker = definePicker({
  type: "least-connections-picker",
  summary: "Picks the endpoint with the fewest requests in flight; ties at random.",
  baseline: true,
  parameters: inFlightParameters,
  requires: requiresInFlightLoad,
  create(parameters, { random, data }) {
    const load = data("in-flight-load", parameters.inFlightLoadProducerName);
    const targets: Endpoint[] = [];
    /** Indexes of the endpoints that share the least. */
    let sharing = new Int32Array(64);
    return {
      pick(_request, endpoints) {
        const requests = load.requests;
        const count = endpoints.length;
        if (sharing.length < count) sharing = new Int32Array(2 * count);
        let least = requests[endpoints[0]!.slot]!;
        let shared = 1;
        sharing[0] = 0;
        for (let i = 1; i < count; i++) {
          const inFlight = requests[endpoints[i]!.slot]!;
          if (inFlight > least) continue;
          if (inFlight < least) shared = 0;
          least = inFlight;
          sharing[shared++] = i;
        }
        const index = sharing[shared === 1 ? 0 : drawIndex(random, shared)]!;
        return takeOne(endpoints[index]!, targets);
      },
      tied(endpoints) {
        const least = Math.min(...endpoints.map((endpoint) => load.requests[endpoint.slot]!));
        const shared = endpoints.filter((endpoint) => load.requests[endpoint.slot] === least);
        return shared.length > 1 ? shared : [];
      },
    };
  },
});
