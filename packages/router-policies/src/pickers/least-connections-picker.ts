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
    return {
      pick(_request, endpoints) {
        const requests = load.requests;
        let index = 0;
        let least = requests[endpoints[0]!.slot]!;
        let ties = 1;
        for (let i = 1; i < endpoints.length; i++) {
          const count = requests[endpoints[i]!.slot]!;
          if (count < least) {
            least = count;
            index = i;
            ties = 1;
          } else if (count === least) ties++;
        }
        if (ties > 1) {
          let skip = drawIndex(random, ties);
          while (skip > 0) if (requests[endpoints[++index]!.slot] === least) skip--;
        }
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
