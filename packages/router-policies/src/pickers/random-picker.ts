import type { Endpoint } from "../framework/endpoint.ts";
import { definePicker } from "../framework/plugin.ts";
import { drawIndex, pickCount, pickerParameters, shuffledIndexes, take, takeOne } from "./picking.ts";

/** Picks uniformly at random, whatever the scores. Source: llm-d-router `picker/random`. */
export const randomPicker = definePicker({
  type: "random-picker",
  summary: "Picks an endpoint uniformly at random, whatever the scores.",
  parameters: pickerParameters,
  create(parameters, { random }) {
    const targets: Endpoint[] = [];
    return {
      pick(_request, endpoints) {
        const count = pickCount(parameters.maxNumOfEndpoints, endpoints.length);
        if (count > 1) return take(endpoints, shuffledIndexes(random, endpoints.length), count, targets);
        return takeOne(endpoints[drawIndex(random, endpoints.length)]!, targets);
      },
      tied: (endpoints) => (endpoints.length > 1 ? endpoints : []),
    };
  },
});
