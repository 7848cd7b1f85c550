import { describe, expect, test } from "vitest";
import { acceleratorNamed } from "../../../src/hardware/catalogue.ts";
import { FleetNetwork } from "../../../src/network/fleet-network.ts";
import { Links } from "../../../src/network/links.ts";
import { Placement } from "../../../src/network/placement.ts";
import type { Topology } from "../../../src/network/topology.ts";

const h100 = acceleratorNamed("h100-sxm");
const node = (name: string, id = "h100-sxm") => ({
  ...{ name, devices: 8, numaDomains: 2 },
  accelerator: acceleratorNamed(id),
});

const TOPOLOGY: Topology = {
  zones: [
    {
      name: "a",
      region: "r",
      uplinkBytesPerSecond: 20e9,
      racks: [
        { name: "a0", uplinkBytesPerSecond: 100e9, nodes: [node("a0-0"), node("a0-1")] },
        { name: "a1", nodes: [{ ...node("a1-0"), nicBytesPerSecond: 25e9 }] },
      ],
    },
    { name: "b", racks: [{ name: "b0", nodes: [node("b0-0"), node("b0-1")] }] },
  ],
};

/** Replicas with these devices, in a fleet that has no others. */
function networkOf(...replicas: string[][]): FleetNetwork {
  const placement = new Placement(TOPOLOGY);
  replicas.forEach((devices, i) => {
    const rule = { devices: [devices] };
    placement.place({ name: `p${i}`, replicas: 1, accelerator: h100, devicesPerReplica: devices.length }, rule);
  });
  return new FleetNetwork(TOPOLOGY, placement.replicas);
}

/** Gigabytes a second of each link on the way, and what it crosses. */
function way(from: string[], to: string[]) {
  const network = networkOf(from, to);
  const { links, latencyUs, crosses } = network.pathBetween(0, 1);
  return { over: links.map((link) => network.links[link]!.bytesPerSecond / 1e9), latencyUs, crosses };
}

describe("the way between replicas", () => {
  test("in one domain is the device link", () => {
    expect(way(["a0-0/0"], ["a0-0/1"])).toEqual({ over: [450, 450], latencyUs: 10, crosses: "domain" });
  });

  test("between nodes is the NICs, of as many devices as each side has", () => {
    expect(way(["a0-0/0"], ["a0-1/0", "a0-1/1"])).toEqual({ over: [50, 100], latencyUs: 10, crosses: "nodes" });
  });

  test("between racks is also the uplinks that have a limit", () => {
    expect(way(["a0-0/0"], ["a1-0/0"])).toEqual({ over: [50, 100, 25], latencyUs: 10, crosses: "racks" });
  });

  test("between zones is also those of the zones, and takes a millisecond", () => {
    expect(way(["a0-0/0"], ["b0-0/0"])).toEqual({ over: [50, 100, 20, 50], latencyUs: 1000, crosses: "zones" });
    expect(way(["b0-0/0"], ["a1-0/0"])).toEqual({ over: [50, 20, 25], latencyUs: 1000, crosses: "zones" });
  });

  test("out of one zone and into it are links of their own", () => {
    const network = networkOf(["a1-0/0"], ["b0-0/0"]);
    const [out, back] = [network.pathBetween(0, 1).links, network.pathBetween(1, 0).links];
    expect(out.filter((link) => back.includes(link))).toEqual([]);
  });

  test("within a node but between domains is the host's, and its NUMA link", () => {
    const l40s = {
      ...acceleratorNamed("l40s"),
      deviceLink: { ...acceleratorNamed("l40s").deviceLink, domainDevices: 4 },
    };
    const nodes = [{ ...node("n"), accelerator: l40s, numaBytesPerSecond: 40e9 }];
    const topology = { zones: [{ name: "z", racks: [{ name: "r", nodes }] }] };
    const placement = new Placement(topology);
    placement.place({ name: "p", replicas: 2, accelerator: l40s, devicesPerReplica: 4 });
    const network = new FleetNetwork(topology, placement.replicas);
    const { links, crosses } = network.pathBetween(0, 1);
    expect(crosses).toBe("node");
    // Four devices with 0.8 of 32 GB/s each.
    expect(links.map((link) => Math.round(network.links[link]!.bytesPerSecond / 1e8) / 10)).toEqual([102.4, 40, 102.4]);
  });

  // 2,048 tokens of 131,072 bytes at 0.8 of 50 GB/s: 6,710.9 µs, and 10 of latency.
  test("takes a prompt's KV cache over an idle NIC in the time by hand", () => {
    const network = networkOf(["a0-0/0"], ["a0-1/0"]);
    const links = new Links(network.links);
    const path = network.pathBetween(0, 1);
    links.start(links.path(path.links, path), 2048 * 131_072, 0, 0);
    expect(links.nextEndUs).toBe(6721);
  });
});

describe("the way to a tier", () => {
  const network = networkOf(["a0-0/0", "a0-0/1"], ["a0-0/2"]);
  const over = (replica: number, tier: "hostDram" | "nvme" | "networkStore", direction: "read" | "write") =>
    network.pathToTier(replica, tier, direction).links.map((link) => {
      const { bytesPerSecond, latencyUs } = network.links[link]!;
      return [bytesPerSecond / 1e9, latencyUs];
    });

  test("is 0.8 of the host links, then the node's drive or store", () => {
    expect(over(0, "hostDram", "read")).toEqual([[102.4, 0]]);
    expect(over(0, "nvme", "read")).toEqual([
      [102.4, 0],
      [7, 100],
    ]);
    expect(over(0, "nvme", "write")[1]).toEqual([5, 100]);
    expect(over(1, "networkStore", "write")).toEqual([
      [51.2, 0],
      [10, 500],
    ]);
  });

  test("shares the drive with the node's other replicas, and no host link", () => {
    const [one, other] = [network.pathToTier(0, "nvme", "read").links, network.pathToTier(1, "nvme", "read").links];
    expect(one[1]).toBe(other[1]);
    expect(one[0]).not.toBe(other[0]);
  });
});

describe("collectives", () => {
  const row = (name: string) => Array.from({ length: 8 }, (_, i) => `${name}/${i}`);

  test("in one domain go over the device link", () => {
    expect(networkOf(row("a0-0")).collectivePath(0)).toMatchObject({
      ...{ ranks: 8, nodes: 1, over: "device-link", bytesPerSecond: 450e9, latencyUs: 10 },
    });
  });

  test("across nodes are held back by each device's NIC", () => {
    expect(networkOf([...row("a0-0"), ...row("a0-1")]).collectivePath(0)).toMatchObject({
      ...{ ranks: 16, nodes: 2, over: "nic", bytesPerSecond: 50e9, latencyUs: 10 },
    });
  });

  test("across zones have their latency", () => {
    expect(networkOf([...row("a0-0"), ...row("b0-0")]).collectivePath(0)).toMatchObject({
      over: "nic",
      latencyUs: 1000,
    });
  });
});

test("endpoints have Kubernetes' labels of their place", () => {
  const network = networkOf(["a0-1/0"], ["b0-0/0"]);
  expect(network.labelsOf(0)).toEqual({
    "kubernetes.io/hostname": "a0-1",
    "topology.kubernetes.io/rack": "a0",
    "topology.kubernetes.io/zone": "a",
    "topology.kubernetes.io/region": "r",
  });
  expect(network.labelsOf(1)).not.toHaveProperty("topology.kubernetes.io/region");
});
