import type { Endpoint } from "../framework/endpoint.ts";
import { definePicker } from "../framework/plugin.ts";
import { inFlightParameters, requiresInFlightLoad } from "./in-flight-picking.ts";
import { drawIndex, takeOne } from "./picking.ts";

/**
 * Draws two different endpoints and picks the one with fewer requests in flight, the first drawn on a tie. Source:
 * Mitzenmacher, The Power of Two Choices in Randomized Load Balancing (2001); Envoy's and Linkerd's default in spirit.
 */
export const powerOfTwoChoicesPicker = definePicker({
  type: "power-of-two-choices-picker",
  summary: "Draws two endpoints at random and picks the one with fewer requests in flight.",
  baseline: true,
  parameters: inFlightParameters,
  requires: requiresInFlightLoad,
  create(parameters, { random, data }) {
    const load = data("in-flight-load", parameters.inFlightLoadProducerName);
    const targets: Endpoint[] = [];
    return {
      pick(_request, endpoints) {
        let picked = endpoints[0]!;
        if (endpoints.length > 1) {
          const first = drawIndex(random, endpoints.length);
          let second = drawIndex(random, endpoints.length - 1);
          if (second >= first) second++;
          const other = endpoints[second]!;
          picked = endpoints[first]!;
          if (load.requests[other.slot]! < load.requests[picked.slot]!) picked = other;
        }
        return takeOne(picked, targets);
      },
    };
  },
});
