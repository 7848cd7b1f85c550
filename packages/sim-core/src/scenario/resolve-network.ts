import type * as z from "zod";
import { ScenarioError } from "../errors.ts";
import { acceleratorNamed } from "../hardware/catalogue.ts";
import { FleetNetwork } from "../network/fleet-network.ts";
import { DEFAULT_LATENCIES } from "../network/link-defaults.ts";
import { Placement } from "../network/placement.ts";
import type { Topology, TopologyNode, TopologyRack, UnplacedPool } from "../network/topology.ts";
import { defaultTopology } from "../network/topology.ts";
import { atPlace } from "./at-place.ts";
import type { LoadedScenario } from "./load.ts";
import { devicesPerRank, parallelLayout } from "./parallelism.ts";
import type { ScenarioPool } from "./schema.ts";
import type { Path } from "./source-file.ts";
import type { topologySchema } from "./topology-schema.ts";

type ScenarioTopology = z.infer<typeof topologySchema>;
type ScenarioRack = ScenarioTopology["zones"][number]["racks"][number];
type ScenarioNode = ScenarioRack["nodes"][number];

/**
 * Places a scenario's replicas and links them: in its topology, or in the default one.
 *
 * @throws ScenarioError for names twice, an unknown accelerator, or replicas without room
 */
export function resolveNetwork(loaded: LoadedScenario): FleetNetwork {
  const { pools, topology: given } = loaded.scenario.spec;
  const unplaced = pools.map((pool, index) => unplacedPool(loaded, pool, index));
  const topology = given ? readTopology(loaded, given) : defaultTopology(unplaced);
  const placement = new Placement(topology);
  // Pools that say which devices they have go first: no other is to be put there.
  const order = [...pools.keys()].sort((a, b) => Number(hasDevices(pools[b]!)) - Number(hasDevices(pools[a]!)));
  for (const index of order) {
    const rule = pools[index]!.placement;
    const path = ["spec", "pools", index, ...(rule ? ["placement"] : [])];
    atPlace(loaded, path, () => placement.place(unplaced[index]!, withoutAbsent(rule ?? {})));
  }
  const inOrder = pools.flatMap(({ name }) => placement.replicas.filter(({ pool }) => pool === name));
  return new FleetNetwork(topology, inOrder, given ? latenciesOf(given) : DEFAULT_LATENCIES);
}

const hasDevices = ({ placement }: ScenarioPool) => placement?.devices !== undefined;

function unplacedPool(loaded: LoadedScenario, pool: ScenarioPool, index: number): UnplacedPool {
  const path = ["spec", "pools", index, "accelerator"];
  const layout = atPlace(loaded, ["spec", "pools", index], () => parallelLayout(pool));
  return {
    name: pool.name,
    replicas: pool.replicas * layout.data,
    accelerator: atPlace(loaded, path, () => acceleratorNamed(pool.accelerator)),
    devicesPerReplica: devicesPerRank(layout),
  };
}

const latenciesOf = ({ latencies }: ScenarioTopology) => ({
  withinNodeUs: latencies.withinNode,
  betweenNodesUs: latencies.betweenNodes,
  betweenRacksUs: latencies.betweenRacks,
  betweenZonesUs: latencies.betweenZones,
});

/** Spells out counts, and names what has no name. */
function readTopology(loaded: LoadedScenario, { zones }: ScenarioTopology): Topology {
  const names = new UniqueNames(loaded);
  return {
    zones: zones.map((zone, z) => {
      const path = ["spec", "topology", "zones", z];
      names.add("zone", zone.name, path);
      const racks = spell(zone.racks, `${zone.name}-rack`).map(([rack, name, at]) =>
        readRack(loaded, names, rack, name, [...path, "racks", at]),
      );
      const { name, region, uplinkBytesPerSecond } = zone;
      return { name, racks, ...withoutAbsent({ region, uplinkBytesPerSecond }) };
    }),
  };
}

function readRack(
  loaded: LoadedScenario,
  names: UniqueNames,
  { nodes, uplinkBytesPerSecond }: ScenarioRack,
  name: string,
  path: Path,
): TopologyRack {
  names.add("rack", name, path);
  const read = spell(nodes, `${name}-node`).map(([node, nodeName, at]) =>
    readNode(loaded, names, node, nodeName, [...path, "nodes", at]),
  );
  return { name, nodes: read, ...withoutAbsent({ uplinkBytesPerSecond }) };
}

function readNode(
  loaded: LoadedScenario,
  names: UniqueNames,
  node: ScenarioNode,
  name: string,
  path: Path,
): TopologyNode {
  names.add("node", name, path);
  const accelerator = atPlace(loaded, [...path, "accelerator"], () => acceleratorNamed(node.accelerator));
  const { name: _name, count: _count, ...rest } = node;
  return { ...withoutAbsent(rest), accelerator, name };
}

/** Each entry as often as it counts, with its name and its place in the list. */
function spell<T extends { readonly count: number; readonly name?: string | undefined }>(
  entries: readonly T[],
  otherwise: string,
): [entry: T, name: string, at: number][] {
  let unnamed = 0;
  return entries.flatMap((entry, at) =>
    Array.from({ length: entry.count }, (_, i): [T, string, number] => {
      if (entry.name === undefined) return [entry, `${otherwise}-${unnamed++}`, at];
      return [entry, entry.count === 1 ? entry.name : `${entry.name}-${i}`, at];
    }),
  );
}

/** Nodes, racks and zones are named by their name alone. */
class UniqueNames {
  readonly #loaded: LoadedScenario;
  readonly #seen = new Set<string>();

  constructor(loaded: LoadedScenario) {
    this.#loaded = loaded;
  }

  add(kind: "zone" | "rack" | "node", name: string, path: Path): void {
    if (this.#seen.has(`${kind} ${name}`)) {
      throw new ScenarioError(`${this.#loaded.place(path)}: duplicate ${kind} "${name}"`);
    }
    this.#seen.add(`${kind} ${name}`);
  }
}

type Present<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** A map without the keys whose value is undefined. */
function withoutAbsent<T extends object>(value: T): Present<T> {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as Present<T>;
}
