import type { Confidence, Quantity } from "../hardware/accelerator.ts";
import * as defaults from "./link-defaults.ts";
import type { Link } from "./links.ts";
import type { PlacedReplica } from "./placement.ts";
import type { Topology, TopologyNode } from "./topology.ts";

/** What a link belongs to. */
export type LinkLevel = "device" | "numa" | "host" | "nic" | "nvme" | "store" | "rack" | "zone";

/** A link of the fleet, with where its bandwidth comes from. */
export interface FleetLink extends Link {
  readonly level: LinkLevel;
  /** The replica, node, rack or zone whose link it is. */
  readonly of: string;
  readonly what: string;
  readonly source: string;
  readonly confidence: Confidence | "given";
}

/** The links that a transfer takes, as `Links.path` wants them. */
export interface NetworkPath {
  readonly links: readonly number[];
  /** Beyond that of the links. */
  readonly latencyUs: number;
  readonly efficiencyFraction: number;
  /** The widest level that is crossed. */
  readonly crosses: "domain" | "node" | "nodes" | "racks" | "zones";
}

/** Where KV blocks are kept below HBM. */
export type StorageTier = "hostDram" | "nvme" | "networkStore";

/** What bounds the collectives of a replica that is on several devices. */
export interface CollectivePath {
  readonly ranks: number;
  readonly nodes: number;
  /** `device-link` where all ranks reach each other over it; else the NICs hold them back. */
  readonly over: "device-link" | "nic";
  /** Of each rank, each way. */
  readonly bytesPerSecond: number;
  readonly latencyUs: number;
  readonly confidence: Confidence | "given";
}

interface ReplicaLinks {
  readonly deviceOut: number;
  readonly deviceIn: number;
  readonly hostOut: number;
  readonly hostIn: number;
  readonly nicOut: number;
  readonly nicIn: number;
}

interface NodeLinks {
  readonly numa: number;
  readonly nvmeRead: number;
  readonly nvmeWrite: number;
  readonly storeIn: number;
  readonly storeOut: number;
}

interface Uplink {
  readonly out: number;
  readonly in: number;
}

/** Without a limit. */
const NO_LINK = -1;

/**
 * The links of a fleet, and the way from each place in it to each other one.
 *
 * A replica's devices send and receive side by side, each its share, over their own device links, host links and NICs:
 * those stand as one link of their sum in each direction. Drives and the way to the network store are a node's.
 */
export class FleetNetwork {
  readonly topology: Topology;
  readonly replicas: readonly PlacedReplica[];
  readonly links: readonly FleetLink[];
  readonly latencies: defaults.LevelLatencies;
  readonly #replicaLinks: readonly ReplicaLinks[];
  readonly #nodeLinks = new Map<string, NodeLinks>();
  readonly #uplinks = new Map<string, Uplink>();

  constructor(topology: Topology, replicas: readonly PlacedReplica[], latencies = defaults.DEFAULT_LATENCIES) {
    const links: FleetLink[] = [];
    this.topology = topology;
    this.replicas = replicas;
    this.latencies = latencies;
    this.#replicaLinks = replicas.map((replica) => addReplicaLinks(links, replica));
    for (const zone of topology.zones) {
      for (const rack of zone.racks) {
        for (const node of rack.nodes) this.#nodeLinks.set(node.name, addNodeLinks(links, node));
        this.#uplinks.set(`rack ${rack.name}`, addUplink(links, "rack", rack.name, rack.uplinkBytesPerSecond));
      }
      this.#uplinks.set(`zone ${zone.name}`, addUplink(links, "zone", zone.name, zone.uplinkBytesPerSecond));
    }
    this.links = links;
  }

  /** The way from one replica's memory to another's; replicas by their place in `replicas`. */
  pathBetween(from: number, to: number, efficiencyFraction = defaults.NIXL_FRACTION.value): NetworkPath {
    const [source, target] = [this.#replicaLinks[from]!, this.#replicaLinks[to]!];
    const [a, b] = [this.replicas[from]!.devices[0]!, this.replicas[to]!.devices[0]!];
    const both = [...this.replicas[from]!.devices, ...this.replicas[to]!.devices];
    const { withinNodeUs, betweenNodesUs, betweenRacksUs, betweenZonesUs } = this.latencies;
    const way = (links: readonly number[], latencyUs: number, crosses: NetworkPath["crosses"]) => ({
      ...{ latencyUs, efficiencyFraction, crosses },
      links: links.filter((link) => link !== NO_LINK),
    });
    if (both.every(({ domain }) => domain === a.domain)) {
      return way([source.deviceOut, target.deviceIn], withinNodeUs, "domain");
    }
    if (both.every(({ node }) => node === a.node)) {
      const { numa } = this.#nodeLinks.get(a.node.name)!;
      const crossed = both.every(({ numaDomain }) => numaDomain === a.numaDomain) ? NO_LINK : numa;
      return way([source.hostOut, crossed, target.hostIn], withinNodeUs, "node");
    }
    if (a.rack === b.rack) return way([source.nicOut, target.nicIn], betweenNodesUs, "nodes");
    const [rackOut, rackIn] = [this.#uplink("rack", a.rack.name).out, this.#uplink("rack", b.rack.name).in];
    if (a.zone === b.zone) return way([source.nicOut, rackOut, rackIn, target.nicIn], betweenRacksUs, "racks");
    const [zoneOut, zoneIn] = [this.#uplink("zone", a.zone.name).out, this.#uplink("zone", b.zone.name).in];
    return way([source.nicOut, rackOut, zoneOut, zoneIn, rackIn, target.nicIn], betweenZonesUs, "zones");
  }

  /** The way from a tier below to a replica's HBM (`read`), or from its HBM to the tier (`write`). */
  pathToTier(replica: number, tier: StorageTier, direction: "read" | "write"): NetworkPath {
    const own = this.#replicaLinks[replica]!;
    const node = this.#nodeLinks.get(this.replicas[replica]!.devices[0]!.node.name)!;
    const host = direction === "read" ? own.hostIn : own.hostOut;
    const nvme = direction === "read" ? node.nvmeRead : node.nvmeWrite;
    const store = direction === "read" ? node.storeIn : node.storeOut;
    const below = { hostDram: [], nvme: [nvme], networkStore: [store] }[tier];
    return { links: [host, ...below], latencyUs: 0, efficiencyFraction: 1, crosses: "node" };
  }

  /**
   * What bounds a replica's collectives: the link between its devices, or between nodes the NIC of each device.
   *
   * Measured tables of collectives hold within a domain; across nodes a collective takes no less than its bytes over this.
   */
  collectivePath(replica: number): CollectivePath {
    const { devices } = this.replicas[replica]!;
    const { node, domain } = devices[0]!;
    const oneDomain = devices.every((device) => device.domain === domain);
    const nodes = new Set(devices.map((device) => device.node.name)).size;
    const link = oneDomain ? node.accelerator.deviceLink.bytesPerSecond : nicOf(node);
    const racks = new Set(devices.map((device) => device.rack.name)).size;
    const zones = new Set(devices.map((device) => device.zone.name)).size;
    const { withinNodeUs, betweenNodesUs, betweenRacksUs, betweenZonesUs } = this.latencies;
    const acrossUs = zones > 1 ? betweenZonesUs : racks > 1 ? betweenRacksUs : betweenNodesUs;
    return {
      ranks: devices.length,
      nodes,
      over: oneDomain ? "device-link" : "nic",
      bytesPerSecond: link.value,
      latencyUs: oneDomain || nodes === 1 ? withinNodeUs : acrossUs,
      confidence: link.confidence,
    };
  }

  /** Kubernetes' own labels of the place of a replica's first device, which llm-d's topology plugins read. */
  labelsOf(replica: number): Readonly<Record<string, string>> {
    const { node, rack, zone } = this.replicas[replica]!.devices[0]!;
    return {
      "kubernetes.io/hostname": node.name,
      "topology.kubernetes.io/rack": rack.name,
      "topology.kubernetes.io/zone": zone.name,
      ...(zone.region === undefined ? {} : { "topology.kubernetes.io/region": zone.region }),
    };
  }

  #uplink(level: "rack" | "zone", name: string): Uplink {
    return this.#uplinks.get(`${level} ${name}`)!;
  }
}

type Sourced = Omit<Quantity, "confidence"> & Pick<FleetLink, "confidence">;

const given = (value: number): Sourced => ({ value, source: "scenario", confidence: "given" });
const orGiven = (value: number | undefined, otherwise: Sourced) => (value === undefined ? otherwise : given(value));
const nicOf = (node: TopologyNode) => orGiven(node.nicBytesPerSecond, node.accelerator.nicBytesPerSecond);

/** @returns the link's index */
function add(links: FleetLink[], place: Pick<FleetLink, "level" | "of" | "what">, rate: Sourced, times = 1): number {
  const { value, source, confidence } = rate;
  const latencyUs = LATENCIES_US[place.level] ?? 0;
  const name = `${place.of} ${place.what}`;
  return links.push({ name, ...place, bytesPerSecond: value * times, latencyUs, source, confidence }) - 1;
}

/** Of the links that have one of their own; between replicas it is the path's. */
const LATENCIES_US: Readonly<Partial<Record<LinkLevel, number>>> = {
  nvme: defaults.NVME_LATENCY_US,
  store: defaults.STORE_LATENCY_US,
};

function addReplicaLinks(links: FleetLink[], { name: of, devices }: PlacedReplica): ReplicaLinks {
  const { node } = devices[0]!;
  const { deviceLink, hostLinkBytesPerSecond = defaults.HOST_LINK } = node.accelerator;
  const { kind, bytesPerSecond } = deviceLink;
  const { value: fraction, source } = defaults.HOST_LINK_FRACTION;
  const host: Sourced = {
    value: hostLinkBytesPerSecond.value * fraction,
    source: `${hostLinkBytesPerSecond.source}; ${source}`,
    confidence: "assumed",
  };
  const nic = nicOf(node);
  const count = devices.length;
  return {
    deviceOut: add(links, { level: "device", of, what: `${kind} out` }, bytesPerSecond, count),
    deviceIn: add(links, { level: "device", of, what: `${kind} in` }, bytesPerSecond, count),
    hostOut: add(links, { level: "host", of, what: "HBM to DRAM" }, host, count),
    hostIn: add(links, { level: "host", of, what: "DRAM to HBM" }, host, count),
    nicOut: add(links, { level: "nic", of, what: "NIC out" }, nic, count),
    nicIn: add(links, { level: "nic", of, what: "NIC in" }, nic, count),
  };
}

function addNodeLinks(links: FleetLink[], node: TopologyNode): NodeLinks {
  const { name: of, numaBytesPerSecond } = node;
  const nvmeRead = orGiven(node.nvmeReadBytesPerSecond, defaults.NVME_READ);
  const nvmeWrite = orGiven(node.nvmeWriteBytesPerSecond, defaults.NVME_WRITE);
  const store = orGiven(node.storeBytesPerSecond, defaults.STORE);
  const numa =
    numaBytesPerSecond === undefined
      ? NO_LINK
      : add(links, { level: "numa", of, what: "between NUMA domains" }, given(numaBytesPerSecond));
  return {
    numa,
    nvmeRead: add(links, { level: "nvme", of, what: "NVMe read" }, nvmeRead),
    nvmeWrite: add(links, { level: "nvme", of, what: "NVMe write" }, nvmeWrite),
    storeIn: add(links, { level: "store", of, what: "network store read" }, store),
    storeOut: add(links, { level: "store", of, what: "network store write" }, store),
  };
}

function addUplink(links: FleetLink[], level: "rack" | "zone", of: string, bytesPerSecond?: number): Uplink {
  if (bytesPerSecond === undefined) return { out: NO_LINK, in: NO_LINK };
  return {
    out: add(links, { level, of, what: `${level} uplink out` }, given(bytesPerSecond)),
    in: add(links, { level, of, what: `${level} uplink in` }, given(bytesPerSecond)),
  };
}
