import * as z from "zod";
import type { Endpoint } from "../framework/endpoint.ts";
import { definePicker } from "../framework/plugin.ts";
import { takeOne } from "./picking.ts";

/** Takes the candidates in turn, whatever the scores: what a plain Kubernetes Service in IPVS mode does. */
export const roundRobinPicker = definePicker({
  type: "round-robin-picker",
  summary: "Takes the endpoints in turn, whatever the scores.",
  baseline: true,
  orderDependent: true,
  parameters: z.strictObject({}),
  create() {
    const targets: Endpoint[] = [];
    let turn = 0;
    return {
      pick(_request, endpoints) {
        if (turn >= endpoints.length) turn = 0;
        return takeOne(endpoints[turn++]!, targets);
      },
    };
  },
});
