import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { runSummarySchema } from "@windtunnel/sim-core";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { windtunnel } from "../capture-terminal.ts";
import { SCENARIO, smallScenario } from "../support/small-scenario.ts";

const { at, run } = smallScenario();

describe("run", () => {
  test("prints a summary that follows its published schema, the same bytes each time", async () => {
    const first = await run("run", "-f", "scenario.yaml", "-o", "json");
    expect(first).toMatchObject({ code: 0, err: "" });
    const summary = runSummarySchema.parse(JSON.parse(first.out));
    expect(summary.fleet.requests).toMatchObject({ total: 200, completed: 200 });
    expect(summary.inputs.map(({ path }) => path)).toEqual(["scenario.yaml"]);
    expect((await run("run", "-f", "scenario.yaml", "-o", "json")).out).toBe(first.out);
    expect((await run("run", "-f", "scenario.yaml", "-o", "json", "--seed", "6")).out).not.toBe(first.out);
  });

  test.each(["table", "markdown", "csv", "yaml", "ndjson"])("prints %s", async (format) => {
    const { code, out } = await run("run", "-f", "scenario.yaml", "-o", format, "--policy", "round-robin,random");
    expect(code).toBe(0);
    expect(out).toContain("round-robin");
    expect(out).toContain("random");
    if (format === "ndjson")
      expect(
        out
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line).policy),
      ).toEqual(["round-robin", "random"]);
    if (format === "yaml") expect(parse(out)).toHaveLength(2);
    if (format === "csv") expect(out.split("\n")[0]).toContain("fleet.latency.ttft.p50Seconds");
  });

  test("the resolved scenario of a dry run gives the same run", async () => {
    const { code, out } = await run("run", "-f", "scenario.yaml", "--dry-run", "--set", "spec.pools[0].replicas=3");
    expect(code).toBe(0);
    expect(parse(out).spec.pools[0]).toMatchObject({ replicas: 3, engine: { numGpuBlocks: 27302, maxNumSeqs: 1024 } });
    writeFileSync(at("resolved.yaml"), out);
    const again = await run("run", "-f", "resolved.yaml", "-o", "json");
    const direct = await run("run", "-f", "scenario.yaml", "-o", "json", "--set", "spec.pools[0].replicas=3");
    const withoutInputs = (text: string) => ({ ...JSON.parse(text), inputs: [] });
    expect(withoutInputs(again.out)).toEqual(withoutInputs(direct.out));
  });

  test("environment lies under the command line", async () => {
    const env = { WINDTUNNEL_SET: "spec.pools[0].replicas=5; spec.seed=9" };
    const { out } = await windtunnel(["run", "-f", "scenario.yaml", "--dry-run", "--seed", "7"], {
      cwd: at(),
      env,
    });
    expect(parse(out).spec).toMatchObject({ seed: 7, pools: [{ replicas: 5 }] });
  });
});

describe("run --out", () => {
  test("writes a directory that says how it was made, and replaces its own", async () => {
    const { code } = await run("run", "-f", "scenario.yaml", "--out", "result");
    expect(code).toBe(0);
    const textOf = (name: string) => readFileSync(at("result", name), "utf8");
    expect(readdirSync(at("result")).sort()).toEqual([
      "decisions.ndjson",
      "manifest.json",
      "requests.csv",
      "router.resolved.yaml",
      "scenario.resolved.yaml",
      "series.csv",
      "summary.json",
    ]);
    expect(textOf("requests.csv").trim().split("\n")).toHaveLength(201);
    expect(
      textOf("decisions.ndjson")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).row),
    ).toEqual([0, 50, 100, 150]);
    expect(runSummarySchema.parse(JSON.parse(textOf("summary.json"))).seed).toBe(5);
    expect(JSON.parse(textOf("manifest.json"))).toMatchObject({ seed: 5, partial: false, policies: ["round-robin"] });
    expect((await run("run", "-f", "scenario.yaml", "--out", "result", "--policy", "random,round-robin")).code).toBe(0);
    expect(readdirSync(at("result")).sort()).toEqual(["manifest.json", "random", "round-robin"]);
    expect(readdirSync(at()).filter((name) => name.startsWith(".result"))).toEqual([]);
  });

  test("leaves a directory that is not its own alone", async () => {
    mkdirSync(at("mine"));
    writeFileSync(at("mine", "thesis.txt"), "x");
    const { code, err } = await run("run", "-f", "scenario.yaml", "--out", "mine");
    expect(code).toBe(2);
    expect(err).toContain("--out");
    expect(readdirSync(at("mine"))).toEqual(["thesis.txt"]);
  });

  test("the router that was in force is there and loads", async () => {
    await run("run", "-f", "scenario.yaml", "--out", "forced", "--policy", "optimized-baseline");
    const { code, out } = await run("validate", "forced/router.resolved.yaml");
    expect([code, out]).toEqual([0, expect.stringContaining("run accepts it")]);
    const again = ["run", "-f", "scenario.yaml", "-o", "json", "--policy"];
    const {
      inputs: _a,
      policy: _b,
      ...resolved
    } = JSON.parse((await run(...again, "forced/router.resolved.yaml")).out);
    const { inputs: _c, policy: _d, ...direct } = JSON.parse((await run(...again, "optimized-baseline")).out);
    expect(resolved).toEqual(direct);
  });

  describe("explained by its directory", () => {
    test("a recorded decision is read, and is what running again says", async () => {
      await run("run", "-f", "scenario.yaml", "--out", "found");
      const asked = ["--request", "50", "-o", "json"];
      const recorded = await run("explain", "found", ...asked);
      expect([recorded.code, recorded.err]).toEqual([0, ""]);
      expect(recorded.out).toBe((await run("explain", "-f", "scenario.yaml", ...asked)).out);
      rmSync(at("found", "decisions.ndjson"));
      const again = await run("explain", "found", ...asked);
      expect(again.err).toBe("note: found has no recorded decision of request 50: running its scenario again\n");
      expect(again.out).toBe(recorded.out);
    });

    test("several policies are told apart", async () => {
      await run("run", "-f", "scenario.yaml", "--out", "both", "--policy", "round-robin,random");
      const { out, err } = await run("explain", "both", "--request", "100");
      expect(err).toBe("");
      expect(out).toMatch(/^Request 100 · small · round-robin and random/);
    });

    test("the environment of the run holds, not that of now; inputs that changed are refused", async () => {
      writeFileSync(at("moving.yaml"), SCENARIO);
      const then = { cwd: at(), env: { WINDTUNNEL_SET: "spec.seed=77" } };
      await windtunnel(["run", "-f", "moving.yaml", "--out", "moved"], then);
      const now = await run("explain", "moved", "--request", "17", "-o", "json");
      const direct = await run("explain", "-f", "scenario.yaml", "--request", "17", "-o", "json", "--seed", "77");
      expect(now.out).toBe(direct.out);
      writeFileSync(at("moving.yaml"), SCENARIO.replace("rate: 20", "rate: 21"));
      const changed = await run("explain", "moved", "--request", "17", "--quiet");
      expect([changed.code, changed.out]).toEqual([2, ""]);
      expect(changed.err).toMatch(/^moved: moving\.yaml changed since the run .*run it anew\n$/);
    });

    test("what is no run directory is a usage error", async () => {
      mkdirSync(at("empty"));
      expect(await run("explain", "empty", "--request", "1")).toMatchObject({ code: 2, out: "" });
      expect(await run("explain", "found")).toMatchObject({ code: 2, out: "" });
    });
  });
});

test("a stopped run prints what it has, says so, and exits 130", async () => {
  const { code, out } = await windtunnel(
    ["run", "-f", "scenario.yaml", "-o", "json", "--out", "stopped", "--set", "spec.workload.synthetic.count=200000"],
    { cwd: at(), shouldStop: () => true },
  );
  expect(code).toBe(130);
  const summary = runSummarySchema.parse(JSON.parse(out));
  expect(summary.partial).toBe(true);
  expect(summary.fleet.requests.unfinished).toBeGreaterThan(0);
  expect(JSON.parse(readFileSync(at("stopped", "manifest.json"), "utf8")).partial).toBe(true);
});

describe("explain", () => {
  test("compares what two policies did with one request", async () => {
    const { code, out } = await run(
      "explain",
      "-f",
      "scenario.yaml",
      "--request",
      "17",
      "--policy",
      "round-robin,random",
    );
    expect(code).toBe(0);
    expect(out).toMatch(/^Request 17 · small · round-robin and random\n\n.*difference\nSent to/);
    expect(out).toMatch(/Why round-robin chose h100-\d: round-robin-picker reads no scores|Both sent it to/);
  });

  test("without a request, says what a policy changes over the whole run", async () => {
    const asked = ["explain", "-f", "scenario.yaml", "--policy", "round-robin,random"];
    const { code, out } = await run(...asked, "-o", "json");
    expect(code).toBe(0);
    const difference = JSON.parse(out);
    expect(difference).toMatchObject({ policies: ["round-robin", "random"], requests: 200, compared: 200 });
    // Two replicas take turns: 100 each.
    expect(difference.busiestOverMean[0]).toBe(1);
    expect(difference.busiestOverMean[1]).toBeGreaterThan(1);
    const text = (await run(...asked)).out;
    expect(text).toContain("Busiest replica: 1.00 → ");
    expect(text).toContain(`of 200 requests`);
    expect((await run("explain", "-f", "scenario.yaml")).err).toMatch(/^--request ROW is needed/);
  });

  test("a request beyond the workload is a usage error", async () => {
    const { code, err } = await run("explain", "-f", "scenario.yaml", "--request", "200");
    expect([code, err]).toEqual([2, "--request 200: the workload has 200 requests, 0 to 199\n"]);
  });
});

test("init writes a scenario that validates, and replaces nothing", async () => {
  expect((await run("init", "fresh")).code).toBe(0);
  expect(await run("validate", "fresh/router.yaml")).toMatchObject({ code: 0 });
  expect(await run("validate", "-f", "fresh/scenario.yaml")).toMatchObject({ code: 0 });
  const again = await run("init", "fresh");
  expect(again.code).toBe(2);
  expect(again.err).toContain("exists already");
});

test("a trace is read and scaled as the scenario says", async () => {
  const rows = Array.from({ length: 20 }, (_, i) =>
    JSON.stringify({ timestamp: i * 1000, input_length: 32, output_length: 5, hash_ids: [0, i + 1] }),
  );
  writeFileSync(at("small-blocks.jsonl"), rows.join("\n"));
  const spec = "{path: small-blocks.jsonl, blockSizeTokens: 16, timeScale: 2, limit: 10}";
  const asked = ["run", "-f", "scenario.yaml", "--out", "scaled", "--set", `spec.workload={trace: ${spec}}`];
  expect(await run(...asked, "--quiet")).toMatchObject({ code: 0, err: "" });
  const lines = readFileSync(at("scaled", "requests.csv"), "utf8").trim().split("\n");
  const arrivals = lines.slice(1).map((line) => Number(line.split(",")[8]));
  expect(arrivals).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
  // Two ids for 32 tokens: with blocks of the format's own 512 tokens there would be one.
  const own = await run("run", "-f", "scenario.yaml", "--set", "spec.workload={trace: {path: small-blocks.jsonl}}");
  expect([own.code, own.err]).toEqual([
    2,
    expect.stringMatching(/^small-blocks\.jsonl:1:\d+: hash_ids: .*blocks of 16/),
  ]);
});

test("a preset prints the document that is in force", async () => {
  const { code, out } = await run("policies", "round-robin");
  expect(code).toBe(0);
  writeFileSync(at("preset.yaml"), out);
  expect((await run("validate", "preset.yaml")).out).toContain("run accepts it");
  const document = parse(out);
  expect(document.plugins.map(({ type }: { type: string }) => type)).toContain("round-robin-picker");
});
