import { loadEndpointPickerConfig, presetText } from "@windtunnel/router-policies";
import { describe, expect, test } from "vitest";
import { modelNamed } from "../../../src/model/catalogue.ts";
import { generateWorkload } from "../../../src/scenario/generate-workload.ts";
import { loadScenario } from "../../../src/scenario/load.ts";
import { resolveScenario } from "../../../src/scenario/resolve.ts";
import { resolveNetwork } from "../../../src/scenario/resolve-network.ts";

const TOPOLOGY = `
  topology:
    zones:
      - name: a
        region: r
        uplinkBytesPerSecond: 20GB
        racks:
          - count: 2
            nodes:
              - { count: 2, accelerator: h100, nicBytesPerSecond: 25GB }
      - name: b
        racks:
          - name: big
            nodes:
              - { name: last, accelerator: h100, devices: 4 }
    latencies: { betweenZones: 3ms }`;

const scenario = (pools: string, topology = TOPOLOGY) => `apiVersion: windtunnel.dev/v1alpha1
kind: Scenario
metadata: { name: a }
spec:
  workload: { synthetic: { arrivals: { process: constant, rate: 1 }, count: 4, promptTokens: 100, outputTokens: 10 } }
  model: meta-llama/Llama-3.1-8B
  pools:
${pools}${topology}
`;

const load = (pools: string, topology?: string) => loadScenario(scenario(pools, topology), { file: "a.yaml" });

function resolve(pools: string, topology?: string) {
  const loaded = load(pools, topology);
  const router = loadEndpointPickerConfig(presetText("round-robin") ?? "", { file: "preset" });
  const workload = generateWorkload(loaded.scenario)!;
  return resolveScenario(loaded, { workload, model: modelNamed(loaded.scenario.spec.model), router });
}

const ONE = "    - { name: p, replicas: 2, accelerator: h100, tensorParallel: 8 }";

describe("a topology", () => {
  test("spells out counts and names what has no name", () => {
    const { zones } = resolveNetwork(load(ONE)).topology;
    const nodes = zones.flatMap(({ racks }) => racks.map(({ name, nodes }) => [name, nodes.map((node) => node.name)]));
    expect(nodes).toEqual([
      ["a-rack-0", ["a-rack-0-node-0", "a-rack-0-node-1"]],
      ["a-rack-1", ["a-rack-1-node-0", "a-rack-1-node-1"]],
      ["big", ["last"]],
    ]);
  });

  test("sets bandwidths and latencies", () => {
    const pools = `    - { name: p, replicas: 1, accelerator: h100, placement: { zone: a } }
    - { name: q, replicas: 1, accelerator: h100, placement: { nodes: [last] } }`;
    const network = resolveNetwork(load(pools));
    const { links, latencyUs } = network.pathBetween(0, 1);
    expect(latencyUs).toBe(3000);
    expect(links.map((link) => network.links[link]!.bytesPerSecond / 1e9)).toEqual([25, 20, 50]);
  });

  test("puts the labels of its place on each endpoint, under the pool's own", () => {
    const pools = `    - { name: p, replicas: 2, accelerator: h100, tensorParallel: 8, labels: { x: y, topology.kubernetes.io/rack: mine } }`;
    expect(resolve(pools).input.pools[0]!.replicaLabels).toEqual(
      [0, 1].map((node) => ({
        "kubernetes.io/hostname": `a-rack-0-node-${node}`,
        "topology.kubernetes.io/rack": "mine",
        "topology.kubernetes.io/zone": "a",
        "topology.kubernetes.io/region": "r",
        x: "y",
      })),
    );
  });

  test("stands in the resolved document with its defaults, which resolves to itself", () => {
    const document = resolve(ONE).document();
    expect(document).toMatchObject({
      spec: {
        topology: {
          zones: [
            { uplinkBytesPerSecond: "20GB", racks: [{ nodes: [{ devices: 8, numaDomains: 2, count: 2 }] }] },
            { racks: [{ count: 1 }] },
          ],
          latencies: { withinNode: "10us", betweenZones: "3ms" },
        },
      },
    });
    const again = loadScenario(JSON.stringify(document), { file: "again.yaml" });
    expect(resolveNetwork(again).topology).toEqual(resolveNetwork(load(ONE)).topology);
  });

  test("gives replicas in the order of the pools, whoever was placed first", () => {
    const pools = `    - { name: p, replicas: 1, accelerator: h100 }
    - { name: q, replicas: 1, accelerator: h100, placement: { devices: [[a-rack-0-node-0/0]] } }`;
    const placed = resolveNetwork(load(pools)).replicas.map(({ name, devices }) => [name, devices[0]!.index]);
    expect(placed).toEqual([
      ["p-0", 1],
      ["q-0", 0],
    ]);
  });
});

describe("without a topology", () => {
  test("nothing of it is in the document or on the endpoints, and each pool has nodes of its own", () => {
    const resolved = resolve(ONE, "");
    expect(JSON.stringify(resolved.document())).not.toMatch(/topology|placement/);
    expect(resolved.input.pools[0]).not.toHaveProperty("replicaLabels");
    expect(resolved.network().replicas.map(({ devices }) => devices[0]!.node.name)).toEqual(["p-node-0", "p-node-1"]);
  });

  test("a placement is refused", () => {
    const pools = "    - { name: p, replicas: 1, accelerator: h100, placement: { zone: a } }";
    expect(() => load(pools, "")).toThrow(/^a\.yaml:8:\d+: spec\.pools\[0\]\.placement: needs spec\.topology/);
  });
});

describe("mistakes are said with their place", () => {
  test.each([
    [
      "    - { name: p, replicas: 5, accelerator: h100, tensorParallel: 8 }",
      TOPOLOGY,
      /^a\.yaml:8:\d+: replica 4 of pool "p" does not fit/,
    ],
    [
      "    - { name: p, replicas: 1, accelerator: h100, placement: { zone: c } }",
      TOPOLOGY,
      /^a\.yaml:8:\d+: unknown zone "c"/,
    ],
    ["    - { name: p, replicas: 1, accelerator: h200 }", TOPOLOGY, /no node with h200-sxm where pool "p" may go/],
    [
      ONE,
      TOPOLOGY.replace("accelerator: h100,", "accelerator: h101,"),
      /^a\.yaml:17:\d+: unknown accelerator "h101" \(did you mean "h100"/,
    ],
    [ONE, TOPOLOGY.replace("name: b", "name: a"), /^a\.yaml:18:\d+: duplicate zone "a"/],
    [
      ONE,
      TOPOLOGY.replace("uplinkBytesPerSecond", "uplinkBytePerSecond"),
      /unknown field "uplinkBytePerSecond" \(did you mean "uplinkBytesPerSecond"\?\)/,
    ],
    [ONE, TOPOLOGY.replace("20GB", "20"), /expected text with a unit|found 20/],
  ])("%#", (pools, topology, message) => {
    expect(() => resolveNetwork(load(pools, topology))).toThrow(message);
  });
});
