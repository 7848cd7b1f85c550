import { describe, expect, test } from "vitest";
import { acceleratorNamed } from "../../../src/hardware/catalogue.ts";
import { Placement, type PlacementRule } from "../../../src/network/placement.ts";
import { defaultTopology, devicesOf, type Topology, type UnplacedPool } from "../../../src/network/topology.ts";

const pool = (name: string, replicas: number, devicesPerReplica: number, id = "h100-sxm"): UnplacedPool => ({
  ...{ name, replicas, devicesPerReplica },
  accelerator: acceleratorNamed(id),
});

const node = (name: string, id = "h100-sxm", devices = 8) => ({
  ...{ name, devices, numaDomains: 2 },
  accelerator: acceleratorNamed(id),
});

/** Two racks in the first zone, one in the second. */
const TOPOLOGY: Topology = {
  zones: [
    {
      name: "a",
      racks: [
        { name: "a0", nodes: [node("a0-0"), node("a0-1")] },
        { name: "a1", nodes: [node("a1-0"), node("a1-l40s", "l40s", 4)] },
      ],
    },
    { name: "b", racks: [{ name: "b0", nodes: [node("b0-0")] }] },
  ],
};

const placesOf = (pools: readonly (readonly [UnplacedPool, PlacementRule?])[], topology = TOPOLOGY) => {
  const placement = new Placement(topology);
  for (const [each, rule] of pools) placement.place(each, rule);
  return placement.replicas.map(({ name, devices }) => [
    name,
    devices.map((d) => `${d.node.name}/${d.index}`).join(" "),
  ]);
};

describe("the topology of a fleet that has none", () => {
  const nodesOf = (...pools: UnplacedPool[]) =>
    defaultTopology(pools).zones.map(({ racks }) => racks.map(({ nodes }) => nodes.map(({ name }) => name)));

  test("is nodes of eight in one rack and zone, each pool's own", () => {
    expect(nodesOf(pool("prefill", 9, 1), pool("decode", 2, 4))).toEqual([
      [["prefill-node-0", "prefill-node-1", "decode-node-0"]],
    ]);
  });

  test("has two replicas of three on a node, and two nodes for one of sixteen", () => {
    expect(nodesOf(pool("a", 3, 3), pool("b", 1, 16))).toEqual([[["a-node-0", "a-node-1", "b-node-0", "b-node-1"]]]);
  });

  test("has room for every replica, and no device is two replicas'", () => {
    for (const devices of [1, 2, 3, 4, 5, 7, 8, 9, 16, 20]) {
      const fleet = [pool("a", 5, devices), pool("b", 3, 2)];
      const taken = placesOf(
        fleet.map((each) => [each]),
        defaultTopology(fleet),
      ).flatMap(([, places]) => places!.split(" "));
      expect(new Set(taken).size).toBe(5 * devices + 3 * 2);
      expect(taken).toHaveLength(5 * devices + 3 * 2);
    }
  });
});

describe("devices", () => {
  test("of a node stand evenly at its memory controllers, in one domain", () => {
    const devices = devicesOf(TOPOLOGY).slice(0, 8);
    expect(devices.map(({ numaDomain }) => numaDomain)).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
    expect(new Set(devices.map(({ domain }) => domain))).toEqual(new Set(["a0-0/domain-0"]));
  });

  test("of a domain larger than a node are those of a rack's nodes, in order", () => {
    const nodes = Array.from({ length: 19 }, (_, i) => node(`n${i}`, "gb200", 4));
    const devices = devicesOf({ zones: [{ name: "z", racks: [{ name: "r", nodes }] }] });
    expect(devices[71]!.domain).toBe("r/gb200-domain-0");
    expect(devices[72]!.domain).toBe("r/gb200-domain-1");
  });
});

describe("placement", () => {
  test("keeps the devices of a replica in one domain, and skips what is too small", () => {
    expect(placesOf([[pool("small", 1, 5)], [pool("big", 2, 4)], [pool("one", 1, 1)]])).toEqual([
      ["small-0", "a0-0/0 a0-0/1 a0-0/2 a0-0/3 a0-0/4"],
      ["big-0", "a0-1/0 a0-1/1 a0-1/2 a0-1/3"],
      ["big-1", "a0-1/4 a0-1/5 a0-1/6 a0-1/7"],
      ["one-0", "a0-0/5"],
    ]);
  });

  test("takes whole nodes of one rack for a replica larger than a node", () => {
    const [, places] = placesOf([[pool("wide", 1, 16), { zone: "a" }]])[0]!;
    expect(places).toMatch(/^a0-0\/0 .* a0-0\/7 a0-1\/0 .* a0-1\/7$/);
  });

  test("goes to nodes of the right accelerator only", () => {
    expect(placesOf([[pool("l", 1, 4, "l40s")]])).toEqual([["l-0", "a1-l40s/0 a1-l40s/1 a1-l40s/2 a1-l40s/3"]]);
  });

  test("stays where the rule says", () => {
    expect(placesOf([[pool("x", 1, 1), { zone: "b" }]])).toEqual([["x-0", "b0-0/0"]]);
    expect(placesOf([[pool("x", 1, 1), { rack: "a1" }]])).toEqual([["x-0", "a1-0/0"]]);
    expect(placesOf([[pool("x", 1, 2), { nodes: ["b0-0", "a0-1"] }]])).toEqual([["x-0", "a0-1/0 a0-1/1"]]);
    expect(placesOf([[pool("x", 2, 1), { devices: [["b0-0/7"], ["a0-0/3"]] }]])).toEqual([
      ["x-0", "b0-0/7"],
      ["x-1", "a0-0/3"],
    ]);
  });

  test.each<[string, UnplacedPool, PlacementRule, RegExp]>([
    ["zone", pool("x", 1, 1), { zone: "c" }, /^unknown zone "c" \(did you mean "a"\?\); known: a, b$/],
    [
      "node",
      pool("x", 1, 1),
      { nodes: ["a0-2"] },
      /^unknown node "a0-2" \(did you mean "a0-0"\?\); known: a0-0, a0-1, /,
    ],
    [
      "accelerator",
      pool("x", 1, 1, "h200-sxm"),
      {},
      /no node with h200-sxm .*; accelerators of the topology: h100-sxm, l40s$/,
    ],
    [
      "room",
      pool("x", 3, 8),
      { rack: "a0" },
      /^replica 2 of pool "x" does not fit: it takes 8 of h100-sxm, and 0 of 16 .* at most 0 in one domain; 2 of its 3 replicas fit$/,
    ],
    ["device", pool("x", 1, 1), { devices: [["a0-0/8"]] }, /^no device "a0-0\/8" .*did you mean "a0-0\/0"\?/],
    ["count", pool("x", 1, 2), { devices: [["a0-0/1"]] }, /^replica 0 of pool "x" has 1 devices, but takes 2$/],
    ["replicas", pool("x", 2, 1), { devices: [["a0-0/1"]] }, /^devices of 1 replicas for the 2 of pool "x"$/],
    [
      "twice",
      pool("x", 2, 1),
      { devices: [["a0-0/1"], ["a0-0/1"]] },
      /^device "a0-0\/1" of x-1 is taken by x-0; free: a0-0\/0, a0-0\/2/,
    ],
  ])("says what is wrong with the %s", (_, each, rule, message) => {
    expect(() => placesOf([[each, rule]])).toThrow(message);
  });
});
