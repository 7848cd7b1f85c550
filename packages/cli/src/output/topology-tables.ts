import type { Device, FleetLink, FleetNetwork, Topology } from "@windtunnel/sim-core";
import { formatNumber } from "./numbers.ts";
import type { Table } from "./table.ts";

/** Zones, racks, nodes and who has which of their devices, one line each, indented. */
export function topologyTree({ topology, replicas }: FleetNetwork): string[] {
  const owners = new Map(
    replicas.flatMap(({ name, devices }) => devices.map((device) => [keyOf(device.node.name, device.index), name])),
  );
  return topology.zones.flatMap((zone) => [
    `zone ${zone.name}${zone.region === undefined ? "" : ` (region ${zone.region})`}`,
    ...zone.racks.flatMap((rack) => [
      `  rack ${rack.name}`,
      ...rack.nodes.flatMap((node) => [`    ${nodeTitle(node)}`, ...nodeLines(node, owners)]),
    ]),
  ]);
}

type TopologyNode = Topology["zones"][number]["racks"][number]["nodes"][number];

function nodeTitle({ name, devices, accelerator }: TopologyNode): string {
  return `node ${name}: ${devices} × ${accelerator.id}`;
}

const keyOf = (node: string, index: number) => `${node}/${index}`;

/** A line for each run of devices that one replica has, or nobody. */
function nodeLines({ name, devices, numaDomains }: TopologyNode, owners: ReadonlyMap<string, string>): string[] {
  const runs: { first: number; last: number; owner: string }[] = [];
  for (let index = 0; index < devices; index++) {
    const owner = owners.get(keyOf(name, index)) ?? "free";
    const run = runs.at(-1);
    if (run?.owner === owner) run.last = index;
    else runs.push({ first: index, last: index, owner });
  }
  const numaOf = (index: number) => Math.floor((index * numaDomains) / devices);
  const range = (first: number, last: number) => (first === last ? `${first}` : `${first}-${last}`);
  return runs.map(({ first, last, owner }) => {
    const where = `${range(first, last)} (NUMA ${range(numaOf(first), numaOf(last))})`;
    return `      ${where.padEnd(15)} ${owner}`;
  });
}

/** The links, alike ones in one row; latencies by what is crossed; the ways between pools; what bounds collectives. */
export function topologyTables(network: FleetNetwork): Table[] {
  const tables = [linkTable(network), latencyTable(network), betweenPoolsTable(network), collectiveTable(network)];
  return tables.filter(({ rows }) => rows.length > 0);
}

/** The links, alike ones in one row. */
export function linkTable({ links }: FleetNetwork): Table {
  const groups = new Map<string, FleetLink[]>();
  for (const link of links) {
    const key = JSON.stringify([kindOf(link), link.bytesPerSecond, link.latencyUs, link.source]);
    const group = groups.get(key);
    if (group) group.push(link);
    else groups.set(key, [link]);
  }
  const rows = [...groups.values()].map((group) => {
    const { of, bytesPerSecond, latencyUs, confidence, source } = group[0]!;
    const owners = new Set(group.map((link) => link.of)).size;
    const others = owners === 1 ? "" : ` and ${owners - 1} more`;
    return [
      kindOf(group[0]!),
      `${of}${others}`,
      gigabytes(bytesPerSecond),
      formatNumber(latencyUs),
      confidence,
      source,
    ];
  });
  return {
    title: "Links, each way",
    columns: [
      { title: "link" },
      { title: "of" },
      { title: "GB/s", align: "right" },
      { title: "latency µs", align: "right" },
      { title: "mark" },
      { title: "source" },
    ],
    rows,
  };
}

/** A link without its direction. */
const kindOf = ({ what }: FleetLink) => what.replace(/ (?:in|out)$/, "");
const gigabytes = (bytesPerSecond: number) => formatNumber(bytesPerSecond / 1e9);

function latencyTable({ latencies }: FleetNetwork): Table {
  const { withinNodeUs, betweenNodesUs, betweenRacksUs, betweenZonesUs } = latencies;
  const levels: [string, number][] = [
    ["devices of a node or domain", withinNodeUs],
    ["nodes of a rack", betweenNodesUs],
    ["racks of a zone", betweenRacksUs],
    ["zones", betweenZonesUs],
  ];
  return {
    title: "Latency of a path, by the widest level that it crosses",
    columns: [{ title: "between" }, { title: "µs", align: "right" }],
    rows: levels.map(([level, us]) => [level, formatNumber(us)]),
  };
}

/** The ways from the first replica of each pool to that of each other one. */
function betweenPoolsTable(network: FleetNetwork): Table {
  const pools = [...new Set(network.replicas.map(({ pool }) => pool))];
  const firstOf = (pool: string) => network.replicas.findIndex((replica) => replica.pool === pool);
  const rows = pools.flatMap((from) =>
    pools.flatMap((to) => {
      if (from === to) return [];
      const { links, crosses, latencyUs } = network.pathBetween(firstOf(from), firstOf(to));
      const over = links.map((link) => network.links[link]!);
      const narrowest = over.reduce((a, b) => (b.bytesPerSecond < a.bytesPerSecond ? b : a));
      return [[from, to, crosses, narrowest.name, gigabytes(narrowest.bytesPerSecond), formatNumber(latencyUs)]];
    }),
  );
  return {
    title: "Between the first replicas of pools",
    columns: [
      { title: "from" },
      { title: "to" },
      { title: "crosses" },
      { title: "narrowest link" },
      { title: "GB/s", align: "right" },
      { title: "latency µs", align: "right" },
    ],
    rows,
  };
}

function collectiveTable(network: FleetNetwork): Table {
  const seen = new Set<string>();
  const rows = network.replicas.flatMap(({ pool }, replica) => {
    const { ranks, nodes, over, bytesPerSecond, latencyUs, confidence } = network.collectivePath(replica);
    const row = [pool, `${ranks}`, `${nodes}`, over, gigabytes(bytesPerSecond), formatNumber(latencyUs), confidence];
    if (ranks === 1 || seen.has(row.join())) return [];
    seen.add(row.join());
    return [row];
  });
  return {
    title: "Collectives of replicas on several devices",
    columns: [
      { title: "pool" },
      { title: "ranks", align: "right" },
      { title: "nodes", align: "right" },
      { title: "over" },
      { title: "GB/s a rank", align: "right" },
      { title: "latency µs", align: "right" },
      { title: "mark" },
    ],
    rows,
  };
}

/** All of it as data: every device with its replica, every link. */
export function topologyData(network: FleetNetwork): object {
  return {
    zones: network.topology.zones.map(({ name, region, racks }) => ({
      ...{ name, region: region ?? null },
      racks: racks.map((rack) => ({
        name: rack.name,
        nodes: rack.nodes.map(({ name, accelerator, devices, numaDomains }) => ({
          ...{ name, accelerator: accelerator.id, devices, numaDomains },
        })),
      })),
    })),
    replicas: network.replicas.map(({ name, pool, devices }, replica) => ({
      ...{ name, pool, devices: devices.map(deviceData) },
      labels: network.labelsOf(replica),
      collectives: devices.length === 1 ? null : network.collectivePath(replica),
    })),
    links: network.links,
    latencies: network.latencies,
  };
}

const deviceData = ({ node, index, domain, numaDomain }: Device) => ({ node: node.name, index, domain, numaDomain });
