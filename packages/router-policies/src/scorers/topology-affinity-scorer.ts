import * as z from "zod";
import { defineScorer } from "../framework/plugin.ts";
import { type Affinity, affinityOf } from "../framework/topology.ts";
import { topologyKey, topologyProducerName } from "../producers/topology-extractor.ts";

/** By the bandwidth that a transfer of KV blocks finds at each level. */
const SCORES: Readonly<Record<Affinity, number>> = { host: 1, rack: 0.2, zone: 0.05, region: 0.02 };

const parameters = z.strictObject({
  topologyProducerName,
});

/**
 * Prefers endpoints near the one that the other stage of the request runs on; 0 for all where there is none. Source:
 * llm-d-router `scorer/topologyaffinity`.
 */
export const topologyAffinityScorer = defineScorer<z.output<typeof parameters>>({
  type: "topology-affinity-scorer",
  summary: "Prefers endpoints on the host, in the rack, zone or region of the request's other stage.",
  parameters,
  alpha: true,
  requires: (given) => [topologyKey(given)],
  create(given, { data, peer }) {
    const topology = data("topology", topologyKey(given).producer);
    return {
      score(_request, endpoints, scores) {
        const near = peer.endpoint && topology.places[peer.endpoint.slot];
        if (near === undefined) return;
        for (let i = 0; i < endpoints.length; i++) {
          const place = topology.places[endpoints[i]!.slot];
          const affinity = place && affinityOf(near, place);
          scores[i] = affinity === undefined ? 0 : SCORES[affinity];
        }
      },
      facts({ slot }) {
        const near = peer.endpoint && topology.places[peer.endpoint.slot];
        const place = topology.places[slot];
        if (near === undefined || place === undefined) return "place unknown";
        const affinity = affinityOf(near, place);
        return affinity === undefined ? "elsewhere" : `same ${affinity}`;
      },
    };
  },
});
