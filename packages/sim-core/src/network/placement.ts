import { didYouMean, ScenarioError } from "../errors.ts";
import type { Device, Topology, UnplacedPool } from "./topology.ts";
import { devicesOf } from "./topology.ts";

/** Where a pool's replicas may go, or where each of them goes. */
export interface PlacementRule {
  readonly zone?: string;
  readonly rack?: string;
  readonly nodes?: readonly string[];
  /** Of each replica, its devices as `NODE/INDEX`. */
  readonly devices?: readonly (readonly string[])[];
}

/** A replica on its devices. */
export interface PlacedReplica {
  readonly pool: string;
  /** Within its pool. */
  readonly index: number;
  readonly name: string;
  readonly devices: readonly Device[];
}

/** Puts replicas on devices, each device for one replica. */
export class Placement {
  readonly devices: readonly Device[];
  readonly replicas: PlacedReplica[] = [];
  readonly #taken = new Map<Device, PlacedReplica>();

  constructor(topology: Topology) {
    this.devices = devicesOf(topology);
  }

  /** Who has a device, if anyone. */
  replicaOn(device: Device): PlacedReplica | undefined {
    return this.#taken.get(device);
  }

  /**
   * Places a pool's replicas: where the rule says, or each on the first of these that has enough free devices: one
   * domain of one node, one domain, one node, free nodes of one rack, free nodes of one zone.
   *
   * @throws ScenarioError when a replica does not fit, with what is free
   */
  place(pool: UnplacedPool, rule: PlacementRule = {}): void {
    const { name, replicas, devicesPerReplica } = pool;
    if (rule.devices && rule.devices.length !== replicas) {
      throw new ScenarioError(`devices of ${rule.devices.length} replicas for the ${replicas} of pool "${name}"`);
    }
    const allowed = this.#allowed(pool, rule);
    for (let index = 0; index < replicas; index++) {
      const named = rule.devices?.[index]?.map((text) => this.#named(text, allowed, pool));
      const devices = named ?? choose(this.#free(allowed), devicesPerReplica) ?? this.#noRoom(pool, index, allowed);
      if (devices.length !== devicesPerReplica) {
        throw new ScenarioError(
          `replica ${index} of pool "${name}" has ${devices.length} devices, but takes ${devicesPerReplica}`,
        );
      }
      const replica = { pool: name, index, name: `${name}-${index}`, devices };
      for (const device of devices) this.#take(device, replica);
      this.replicas.push(replica);
    }
  }

  #take(device: Device, replica: PlacedReplica): void {
    const owner = this.#taken.get(device);
    if (owner) {
      throw new ScenarioError(
        `device "${labelOf(device)}" of ${replica.name} is taken by ${owner.name}; free: ${list(this.#free(this.devices).map(labelOf))}`,
      );
    }
    this.#taken.set(device, replica);
  }

  #free(devices: readonly Device[]): Device[] {
    return devices.filter((device) => !this.#taken.has(device));
  }

  #allowed({ accelerator, name }: UnplacedPool, rule: PlacementRule): Device[] {
    const check = (kind: string, wanted: string, known: readonly string[]) => {
      if (known.includes(wanted)) return;
      throw new ScenarioError(`unknown ${kind} "${wanted}"${didYouMean(wanted, known)}; known: ${list(known)}`);
    };
    const { zone, rack, nodes } = rule;
    if (zone !== undefined) check("zone", zone, unique(this.devices.map((device) => device.zone.name)));
    if (rack !== undefined) check("rack", rack, unique(this.devices.map((device) => device.rack.name)));
    for (const node of nodes ?? []) check("node", node, unique(this.devices.map((device) => device.node.name)));
    const allowed = this.devices.filter(
      (device) =>
        device.node.accelerator.id === accelerator.id &&
        (zone === undefined || device.zone.name === zone) &&
        (rack === undefined || device.rack.name === rack) &&
        (nodes === undefined || nodes.includes(device.node.name)),
    );
    if (allowed.length > 0) return allowed;
    const kinds = unique(this.devices.map((device) => device.node.accelerator.id));
    throw new ScenarioError(
      `no node with ${accelerator.id} where pool "${name}" may go; accelerators of the topology: ${list(kinds)}`,
    );
  }

  #named(text: string, allowed: readonly Device[], { name, accelerator }: UnplacedPool): Device {
    const found = allowed.find((device) => labelOf(device) === text);
    if (found) return found;
    const known = allowed.map(labelOf);
    throw new ScenarioError(
      `no device "${text}" with ${accelerator.id} for pool "${name}"${didYouMean(text, known)}; known: ${list(known)}`,
    );
  }

  #noRoom({ name, replicas, accelerator, devicesPerReplica }: UnplacedPool, index: number, allowed: Device[]): never {
    const free = this.#free(allowed);
    const most = Math.max(0, ...groupBy(free, (device) => device.domain).map((group) => group.length));
    throw new ScenarioError(
      `replica ${index} of pool "${name}" does not fit: it takes ${devicesPerReplica} of ${accelerator.id}, and ` +
        `${free.length} of ${allowed.length} where it may go are free, at most ${most} in one domain; ` +
        `${index} of its ${replicas} replicas fit`,
    );
  }
}

/** The first devices that belong together most closely; undefined when there are not enough. */
function choose(free: readonly Device[], count: number): readonly Device[] | undefined {
  const within = (key: (device: Device) => string) =>
    groupBy(free, key)
      .find((group) => group.length >= count)
      ?.slice(0, count);
  const freeNodes = groupBy(free, (device) => device.node.name)
    .filter((group) => group.length === group[0]!.node.devices)
    .flat();
  const across = (key: (device: Device) => string) =>
    groupBy(freeNodes, key)
      .find((group) => group.length >= count)
      ?.slice(0, count);
  return (
    within((device) => `${device.node.name} ${device.domain}`) ??
    within((device) => device.domain) ??
    within((device) => device.node.name) ??
    across((device) => device.rack.name) ??
    across((device) => device.zone.name)
  );
}

function groupBy(devices: readonly Device[], key: (device: Device) => string): Device[][] {
  const groups = new Map<string, Device[]>();
  for (const device of devices) {
    const group = groups.get(key(device));
    if (group) group.push(device);
    else groups.set(key(device), [device]);
  }
  return [...groups.values()];
}

/** A device as scenarios name it. */
const labelOf = ({ node, index }: Device) => `${node.name}/${index}`;

const unique = (names: readonly string[]) => [...new Set(names)];

/** The first few of a list, and how many more there are. */
function list(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(", ");
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown || "none";
}
