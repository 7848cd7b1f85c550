import { acceleratorNamed } from "../../src/hardware/catalogue.ts";
import { FleetNetwork } from "../../src/network/fleet-network.ts";
import { Placement } from "../../src/network/placement.ts";
import { defaultTopology } from "../../src/network/topology.ts";
import type { SimulationInput } from "../../src/simulate/input.ts";

/** Links between the pods of these pools, one device each. */
export function networkOf(pools: SimulationInput["pools"]): FleetNetwork {
  const unplaced = pools
    .filter(({ replicas }) => replicas > 0)
    .map(({ name, replicas }) => ({
      ...{ name, replicas, devicesPerReplica: 1 },
      accelerator: acceleratorNamed("h100-sxm"),
    }));
  const topology = defaultTopology(unplaced);
  const placement = new Placement(topology);
  for (const pool of unplaced) placement.place(pool, {});
  return new FleetNetwork(topology, placement.replicas);
}
