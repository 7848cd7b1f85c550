import type { Accelerator } from "../hardware/accelerator.ts";

/** A machine with accelerators of one kind. */
export interface TopologyNode {
  readonly name: string;
  readonly accelerator: Accelerator;
  readonly devices: number;
  /** Devices stand evenly at this many memory controllers. */
  readonly numaDomains: number;
  /** Between the memory controllers, each way; absent = no limit. */
  readonly numaBytesPerSecond?: number;
  /** Of each device; absent = the accelerator's in the catalogue. */
  readonly nicBytesPerSecond?: number;
  /** Of the node; absent = what one drive has. */
  readonly nvmeReadBytesPerSecond?: number;
  readonly nvmeWriteBytesPerSecond?: number;
  /** Between the node and the network store, each way; absent = the default. */
  readonly storeBytesPerSecond?: number;
}

export interface TopologyRack {
  readonly name: string;
  /** Out of the rack, each way; absent = no limit, as in a network without oversubscription. */
  readonly uplinkBytesPerSecond?: number;
  readonly nodes: readonly TopologyNode[];
}

export interface TopologyZone {
  readonly name: string;
  readonly region?: string;
  /** Out of the zone, each way; absent = no limit. */
  readonly uplinkBytesPerSecond?: number;
  readonly racks: readonly TopologyRack[];
}

/** Where the machines of a fleet stand. */
export interface Topology {
  readonly zones: readonly TopologyZone[];
}

/** One accelerator in its place. */
export interface Device {
  /** Within its node. */
  readonly index: number;
  readonly node: TopologyNode;
  readonly rack: TopologyRack;
  readonly zone: TopologyZone;
  /** Name of the devices that reach each other over the device link, such as an NVLink domain; part of a node, or nodes of a rack. */
  readonly domain: string;
  readonly numaDomain: number;
}

/** Every device, in the order of zones, racks, nodes and indices. */
export function devicesOf({ zones }: Topology): Device[] {
  return zones.flatMap((zone) => zone.racks.flatMap((rack) => devicesOfRack(zone, rack)));
}

function devicesOfRack(zone: TopologyZone, rack: TopologyRack): Device[] {
  // Domains of more devices than a node has, as NVL72, take the nodes of a rack in their order.
  const before = new Map<string, number>();
  return rack.nodes.flatMap((node) => {
    const { accelerator, devices } = node;
    const { domainDevices } = accelerator.deviceLink;
    const placed = before.get(accelerator.id) ?? 0;
    before.set(accelerator.id, placed + devices);
    const domainOf = (index: number) =>
      domainDevices > devices
        ? `${rack.name}/${accelerator.id}-domain-${Math.floor((placed + index) / domainDevices)}`
        : `${node.name}/domain-${Math.floor(index / domainDevices)}`;
    return Array.from({ length: devices }, (_, index) => ({
      ...{ index, node, rack, zone, domain: domainOf(index) },
      numaDomain: Math.floor((index * node.numaDomains) / devices),
    }));
  });
}

/** A pool that nobody has placed: how many devices each replica takes. */
export interface UnplacedPool {
  readonly name: string;
  readonly replicas: number;
  readonly accelerator: Accelerator;
  readonly devicesPerReplica: number;
}

export const DEFAULT_NODE_DEVICES = 8;
export const DEFAULT_NUMA_DOMAINS = 2;

/**
 * The topology of a fleet that has none: nodes of 8 accelerators in one rack of one zone.
 *
 * Each pool has nodes of its own, so that what goes from pool to pool goes over NICs.
 */
export function defaultTopology(pools: readonly UnplacedPool[]): Topology {
  const nodes = pools.flatMap(({ name, replicas, accelerator, devicesPerReplica }) => {
    const perNode = Math.floor(DEFAULT_NODE_DEVICES / devicesPerReplica);
    const count = perNode > 0 ? Math.ceil(replicas / perNode) : replicas * nodesFor(devicesPerReplica);
    return Array.from({ length: count }, (_, i) => ({
      name: `${name}-node-${i}`,
      accelerator,
      devices: DEFAULT_NODE_DEVICES,
      numaDomains: DEFAULT_NUMA_DOMAINS,
    }));
  });
  return { zones: [{ name: "zone-0", racks: [{ name: "rack-0", nodes }] }] };
}

const nodesFor = (devices: number) => Math.ceil(devices / DEFAULT_NODE_DEVICES);
