import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonSchema } from "@windtunnel/sim-core";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { windtunnel } from "../capture-terminal.ts";
import { violations } from "../support/json-schema.ts";
import { root } from "../support/source-files.ts";

const schemaOf = async (kind: string): Promise<JsonSchema> => JSON.parse((await windtunnel(["schema", kind])).out);

describe("windtunnel schema Scenario", () => {
  for (const file of readdirSync(join(root, "scenarios")).filter((name) => name.endsWith(".yaml"))) {
    test(`describes ${file}`, async () => {
      const scenario = parse(readFileSync(join(root, "scenarios", file), "utf8"));
      expect(violations(await schemaOf("Scenario"), scenario)).toEqual([]);
    });
  }

  test("refuses what the loader refuses", async () => {
    const schema = await schemaOf("Scenario");
    const scenario = parse(readFileSync(join(root, "scenarios", "shared-prefix-stages.yaml"), "utf8"));
    const broken = (change: (spec: Record<string, never>) => void) => {
      const copy = structuredClone(scenario);
      change(copy.spec);
      return violations(schema, copy);
    };
    expect(broken((spec) => Object.assign(spec.workload!, { laod: {} }))).toEqual([
      "/spec/workload: fits no branch of anyOf",
    ]);
    expect(broken((spec) => Object.assign(spec.workload!, { generator: "synthetic" }))).not.toEqual([]);
    expect(broken((spec) => Object.assign(spec, { modell: "x" }))).toEqual(["/spec/modell: is not allowed"]);
    expect(broken((spec) => Object.assign(spec.pools![0]!, { replicas: 0 }))).toEqual([
      "/spec/pools/0/replicas: 0 is out of range",
    ]);
  });
});

describe("windtunnel schema RunSummary", () => {
  const scenario = join(root, "scenarios", "code-bursts.yaml");
  const asked = ["run", "-f", scenario, "--quiet", "--set", "spec.workload.trace.limit=50"];

  test("describes what run -o json, yaml and ndjson print", async () => {
    const schema = await schemaOf("RunSummary");
    const json = JSON.parse((await windtunnel([...asked, "-o", "json"])).out);
    expect(violations(schema, json)).toEqual([]);
    const { seed: _, ...withoutSeed } = json;
    expect(violations(schema, withoutSeed)).toEqual(["/: seed is missing"]);
    expect(violations(schema, { ...json, fleet: { ...json.fleet, replicas: "3" } })).not.toEqual([]);
    expect(parse((await windtunnel([...asked, "-o", "yaml"])).out)).toEqual(json);
    expect(JSON.parse((await windtunnel([...asked, "-o", "ndjson"])).out)).toEqual(json);
  });

  test("csv has the same numbers by their paths, one line a run", async () => {
    const json = JSON.parse((await windtunnel([...asked, "-o", "json"])).out);
    const lines = (await windtunnel([...asked, "-o", "csv"])).out.trimEnd().split("\n");
    expect(lines).toHaveLength(2);
    const [header, values] = lines.map((line) => line.split(",")) as [string[], string[]];
    expect(values).toHaveLength(header.length);
    const at = (path: string) => values[header.indexOf(path)];
    expect(Number(at("fleet.latency.ttft.p50Seconds"))).toBe(json.fleet.latency.ttft.p50Seconds);
    expect(Number(at("fleet.requests.total"))).toBe(50);
    expect(at("policy")).toBe("inline");
  });

  test("every table of markdown is as wide as its rule", async () => {
    const { out } = await windtunnel([...asked, "-o", "markdown", "--policy", "round-robin,random"]);
    const rows = out.split("\n").filter((line) => line.startsWith("|"));
    expect(rows.length).toBeGreaterThan(20);
    let width = 0;
    rows.forEach((row, i) => {
      const cells = row.split(/(?<!\\)\|/).length;
      if (/^\| (?:-+:? \| ?)+$/.test(rows[i + 1] ?? "")) width = cells;
      expect(cells, row).toBe(width);
    });
  });
});
