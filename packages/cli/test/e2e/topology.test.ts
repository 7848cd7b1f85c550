import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { windtunnel } from "../capture-terminal.ts";

const SCENARIO = `apiVersion: windtunnel.dev/v1alpha1
kind: Scenario
metadata: { name: two-zones }
spec:
  workload: { synthetic: { arrivals: { process: constant, rate: 1 }, count: 4, promptTokens: 100, outputTokens: 10 } }
  model: meta-llama/Llama-3.1-8B
  pools:
    - { name: prefill, replicas: 3, accelerator: h100, tensorParallel: 2, placement: { zone: a } }
    - { name: decode, replicas: 1, accelerator: h100, tensorParallel: 8, placement: { zone: b } }
  topology:
    zones:
      - { name: a, uplinkBytesPerSecond: 20GB, racks: [{ nodes: [{ accelerator: h100, nicBytesPerSecond: 25GB }] }] }
      - { name: b, region: r, racks: [{ nodes: [{ accelerator: h100 }] }] }
`;

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "windtunnel-topology-"));
  writeFileSync(join(directory, "scenario.yaml"), SCENARIO);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const explain = (...args: string[]) => windtunnel(["explain", "topology", ...args], { cwd: directory });

/** The cells of the table line that begins so. */
const cells = (out: string, start: string) =>
  out
    .split("\n")
    .find((line) => line.startsWith(start))
    ?.split(/ {2,}/);

describe("explain topology", () => {
  test("draws zones, racks, nodes, and which replica is on which devices", async () => {
    const { code, out } = await explain("-f", "scenario.yaml");
    expect(code).toBe(0);
    expect(out.split("\n").slice(0, 10)).toEqual([
      "zone a",
      "  rack a-rack-0",
      "    node a-rack-0-node-0: 8 × h100-sxm",
      "      0-1 (NUMA 0)    prefill-0",
      "      2-3 (NUMA 0)    prefill-1",
      "      4-5 (NUMA 1)    prefill-2",
      "      6-7 (NUMA 1)    free",
      "zone b (region r)",
      "  rack b-rack-0",
      "    node b-rack-0-node-0: 8 × h100-sxm",
    ]);
  });

  test("lists the links with bandwidth, latency and how sure they are", async () => {
    const { out } = await explain("-f", "scenario.yaml");
    expect(cells(out, "NIC ")).toEqual(["NIC", "prefill-0 and 2 more", "50.0", "0", "given", "scenario"]);
    expect(cells(out, "NVMe read")?.slice(1, 5)).toEqual(["a-rack-0-node-0 and 1 more", "7.00", "100", "assumed"]);
    expect(cells(out, "zones ")).toEqual(["zones", "1,000"]);
    const way = ["decode", "zones", "a zone uplink out", "20.0", "1,000"];
    expect(cells(out, "prefill  decode")?.slice(1)).toEqual(way);
    expect(cells(out, "decode       8")?.slice(1, 5)).toEqual(["8", "1", "device-link", "450"]);
  });

  test("says the same as data", async () => {
    const data = JSON.parse((await explain("-f", "scenario.yaml", "-o", "json")).out);
    expect(data.zones.map(({ name }: { name: string }) => name)).toEqual(["a", "b"]);
    expect(data.replicas[1]).toMatchObject({
      name: "prefill-1",
      devices: [
        { node: "a-rack-0-node-0", index: 2, numaDomain: 0 },
        { node: "a-rack-0-node-0", index: 3, numaDomain: 0 },
      ],
      labels: { "topology.kubernetes.io/zone": "a" },
      collectives: { ranks: 2, over: "device-link" },
    });
    expect(data.links).toContainEqual(
      expect.objectContaining({ of: "a", what: "zone uplink out", bytesPerSecond: 20e9, confidence: "given" }),
    );
    const csv = (await explain("-f", "scenario.yaml", "-o", "csv")).out;
    expect(csv.split("\n")[0]).toBe("link,of,GB/s,latency µs,mark,source");
  });

  test("needs a scenario, and says where one does not fit", async () => {
    expect(await explain()).toMatchObject({ code: 2, out: "", err: expect.stringContaining("-f SCENARIO is needed") });
    const tooMany = await explain("-f", "scenario.yaml", "--set", "spec.pools[0].replicas=5");
    expect(tooMany).toMatchObject({ code: 2, out: "" });
    expect(tooMany.err).toMatch(/scenario\.yaml:8:\d+: replica 4 of pool "prefill" does not fit/);
  });
});
