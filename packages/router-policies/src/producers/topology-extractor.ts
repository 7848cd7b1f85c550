import * as z from "zod";
import type { DataKey, Topology, TopologyData } from "../framework/data.ts";
import type { Endpoint } from "../framework/endpoint.ts";
import { defineProducer } from "../framework/plugin.ts";

const TOPOLOGY_EXTRACTOR = "topology-extractor";

/** The parameter by which a consumer names the producer of its topology. */
export const topologyProducerName = z.string().optional().describe(`default ${TOPOLOGY_EXTRACTOR}`);

/** Where a consumer finds topology; without it, it does nothing. */
export const topologyKey = (given: { readonly topologyProducerName?: string | undefined }): DataKey => ({
  kind: "topology",
  producer: given.topologyProducerName || TOPOLOGY_EXTRACTOR,
  optional: true,
});

const labelName = (name: string) =>
  z
    .string()
    .default(name)
    .transform((given) => given || name);

const parameters = z.strictObject({
  hostname: labelName("kubernetes.io/hostname").describe("label with the host"),
  rack: labelName("topology.kubernetes.io/rack").describe("label with the rack"),
  zone: labelName("topology.kubernetes.io/zone").describe("label with the zone"),
  region: labelName("topology.kubernetes.io/region").describe("label with the region"),
});

/**
 * Reads where endpoints run from their labels. A host without its label stays unknown, where upstream asks Kubernetes for
 * the pod's `spec.hostname`. Source: llm-d-router `datalayer/extractor/topology`.
 */
export const topologyExtractor = defineProducer<z.output<typeof parameters>>({
  type: TOPOLOGY_EXTRACTOR,
  summary: "Reads the host, rack, zone and region of endpoints from their labels",
  parameters,
  alpha: true,
  produces: ["topology"],
  create(names) {
    const topology: TopologyData = { places: [] };
    const placeOf = ({ labels }: Endpoint): Topology | undefined => {
      const { [names.hostname]: host = "", [names.rack]: rack = "" } = labels;
      const { [names.zone]: zone = "", [names.region]: region = "" } = labels;
      return host + rack + zone + region === "" ? undefined : { host, rack, zone, region };
    };
    return {
      data: { topology },
      // Labels do not change while an endpoint is there.
      produce: () => {},
      endpointAdded(endpoint) {
        topology.places[endpoint.slot] = placeOf(endpoint);
      },
      endpointRemoved({ slot }) {
        topology.places[slot] = undefined;
      },
    };
  },
});
