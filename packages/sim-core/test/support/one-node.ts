import { acceleratorNamed } from "../../src/hardware/catalogue.ts";
import { FleetNetwork } from "../../src/network/fleet-network.ts";
import { Placement } from "../../src/network/placement.ts";
import type { SimulationInput } from "../../src/simulate/input.ts";

/** All replicas on one node whose devices reach each other over their host links only, as their tiers do. */
export function onOneNode(pools: readonly Pick<SimulationInput["pools"][number], "name" | "replicas">[]): FleetNetwork {
  const l40s = acceleratorNamed("l40s");
  const accelerator = { ...l40s, deviceLink: { ...l40s.deviceLink, domainDevices: 1 } };
  const devices = pools.reduce((sum, { replicas }) => sum + replicas, 0);
  const node = { name: "node-0", accelerator, devices, numaDomains: 1 };
  const topology = { zones: [{ name: "zone-0", racks: [{ name: "rack-0", nodes: [node] }] }] };
  const placement = new Placement(topology);
  for (const { name, replicas } of pools) placement.place({ name, replicas, devicesPerReplica: 1, accelerator }, {});
  return new FleetNetwork(topology, placement.replicas);
}
