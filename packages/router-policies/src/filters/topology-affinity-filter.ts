import * as z from "zod";
import type { Endpoint } from "../framework/endpoint.ts";
import { defineFilter } from "../framework/plugin.ts";
import { AFFINITIES, affinityOf } from "../framework/topology.ts";
import { topologyKey, topologyProducerName } from "../producers/topology-extractor.ts";
import { keepWhere } from "./keep.ts";

const parameters = z.strictObject({
  minAffinity: z.enum(AFFINITIES).default("host").describe("how close an endpoint must be at least"),
  topologyProducerName,
});

/**
 * Keeps endpoints near the one that the other stage of the request runs on; all where there is none, or none near it.
 * Source: llm-d-router `filter/topologyaffinity`.
 */
export const topologyAffinityFilter = defineFilter<z.output<typeof parameters>>({
  type: "topology-affinity-filter",
  summary: "Keeps endpoints at least as close as minAffinity to the request's other stage; all where none is.",
  parameters,
  alpha: true,
  requires: (given) => [topologyKey(given)],
  create(given, { data, peer }) {
    const topology = data("topology", topologyKey(given).producer);
    const closeEnough = AFFINITIES.slice(0, AFFINITIES.indexOf(given.minAffinity) + 1);
    const scratch: Endpoint[] = [];
    return {
      filter(_request, endpoints) {
        const near = peer.endpoint && topology.places[peer.endpoint.slot];
        if (near === undefined) return endpoints;
        const kept = keepWhere(endpoints, scratch, ({ slot }) => {
          const place = topology.places[slot];
          const affinity = place && affinityOf(near, place);
          return affinity !== undefined && closeEnough.includes(affinity);
        });
        return kept.length === 0 ? endpoints : kept;
      },
    };
  },
});
