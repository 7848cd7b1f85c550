import { existsSync, readdirSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { SCENARIO, smallScenario } from "../support/small-scenario.ts";

const LOST_FILES = `apiVersion: windtunnel.dev/v1alpha1
kind: Scenario
metadata: { name: lost }
spec:
  workload:
    trace: { path: lost.jsonl }
  model: meta-llama/Llama-3.1-8B
  pools:
    - { name: h100, replicas: 2, accelerator: h100-sxm }
`;

const { at, run } = smallScenario();
beforeAll(() => writeFileSync(at("lost-files.yaml"), LOST_FILES));

describe("bad input is one line and exit 2, and nothing is written", () => {
  test.each([
    [["run"], "-f FILE is needed"],
    [["run", "-f", "scenaro.yaml"], 'scenaro.yaml: no such file (did you mean "scenario.yaml"?)'],
    [["run", "-f", "scenario.yaml", "-o", "jsn"], '-o jsn: unknown format (did you mean "json"?)'],
    [
      ["run", "-f", "scenario.yaml", "--policy", "round-robbin"],
      'unknown preset "round-robbin" (did you mean "round-robin"?)',
    ],
    [
      ["run", "-f", "scenario.yaml", "--set", "spec.pools[0].accelerator=h1000"],
      '--set spec.pools[0].accelerator=h1000: unknown accelerator "h1000"',
    ],
    [["run", "-f", "scenario.yaml", "--set", "spec.model=llama"], "--set spec.model=llama: unknown model"],
    [
      ["run", "-f", "scenario.yaml", "--set", "spec.pools[0].tensorParallel=0"],
      "--set spec.pools[0].tensorParallel=0: spec.pools[0].tensorParallel: expected at least 1, found 0",
    ],
    [["run", "scenario.yaml", "--set", "spec.pools[0].tensorParallel=3"], "scenario.yaml:15:7: "],
    [
      ["run", "-f", "scenario.yaml", "--set", "spec.router={config: nope.yaml}"],
      "--set spec.router={config: nope.yaml}: nope.yaml: no such file",
    ],
    [["run", "-f", "lost-files.yaml"], "lost-files.yaml:6:20: lost.jsonl: no such file"],
    [
      ["run", "-f", "lost-files.yaml", "--set", "spec.model=lost.json"],
      "--set spec.model=lost.json: lost.json: no such",
    ],
    [["policies", "optimised-baseline"], 'unknown plugin or preset "optimised-baseline" (did you mean'],
    [["explain", "metric", "tftf"], 'unknown metric "tftf" (did you mean "ttft"?)'],
    [["explain", "schema", "spec.polls"], 'unknown field "polls" in spec (did you mean "pools"?)'],
    [["schema", "Scenari"], 'unknown kind "Scenari" (did you mean "Scenario"?)'],
    [["explain"], "explain needs one of"],
    [["validate"], "validate needs a file"],
  ])("%j", async (args, expected) => {
    const { code, out, err } = await run(...args, ...(args[0] === "run" ? ["--out", "none"] : []));
    expect([code, out]).toEqual([2, ""]);
    expect(err).toContain(expected);
    expect(err.trim().split("\n")).toHaveLength(1);
    expect(err).not.toMatch(/^\s+at /m);
    expect(existsSync(at("none"))).toBe(false);
  });

  test("an unknown option names the nearest", async () => {
    const { code, err } = await run("run", "--polcy", "x");
    expect(code).toBe(2);
    expect(err).toContain("--policy");
  });
});

describe("a broken trace", () => {
  test("names the row in the middle and leaves no partial file", async () => {
    const row = (i: number) =>
      JSON.stringify({ timestamp: i, input_length: 600, output_length: 5, hash_ids: [0, i + 1] });
    const lines = Array.from({ length: 50 }, (_, i) => row(i));
    lines[30] = lines[30]!.replace("600", '"many"');
    writeFileSync(at("broken.jsonl"), lines.join("\n"));
    const workload = "spec.workload={trace: {path: broken.jsonl}}";
    const { code, out, err } = await run("run", "-f", "scenario.yaml", "--set", workload, "--out", "broken-run");
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(/broken\.jsonl:31\b.*input_length.*many/);
    expect(err.trim().split("\n")).toHaveLength(1);
    expect(readdirSync(at()).filter((name) => name.includes("broken-run"))).toEqual([]);
    expect((await run("trace", "validate", "broken.jsonl")).code).toBe(2);
  });
});

test("no command line makes anything but an answer or a usage error", async () => {
  const words = [
    "run",
    "explain",
    "validate",
    "schema",
    "policies",
    "trace",
    "info",
    "metric",
    "-f",
    "scenario.yaml",
    "--set",
    "--seed",
    "-o",
    "json",
  ];
  const word = fc.oneof(
    fc.constantFrom(...words, "--dry-run", "spec.seed=2", "--policy", "random"),
    fc.string({ maxLength: 8 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(word, { minLength: 1, maxLength: 6 }), async (args) => {
      // The help of a command and a run to its end are other tests' matter.
      fc.pre(args[0] !== "init" && !(args.includes("run") && !args.includes("--dry-run")));
      const { code, err } = await run(...args);
      expect([0, 2]).toContain(code);
      expect(err).not.toContain("defect");
    }),
    { numRuns: 150 },
  );
});

test("a plugin that is not built validates and does not run", async () => {
  const router = [
    "apiVersion: llm-d.ai/v1alpha1",
    "kind: EndpointPickerConfig",
    "plugins:",
    "- type: latency-scorer",
    "schedulingProfiles:",
    "- name: default",
    "  plugins:",
    "  - pluginRef: latency-scorer",
  ].join("\n");
  writeFileSync(at("lora.yaml"), router);
  const validated = await run("validate", "lora.yaml");
  expect(validated.code).toBe(0);
  expect(validated.out).toContain('lora.yaml:4:9: plugin "latency-scorer" is known to llm-d, not supported yet');
  const refused = await run("run", "-f", "scenario.yaml", "--policy", "lora.yaml");
  expect([refused.code, refused.out]).toEqual([2, ""]);
  expect(refused.err).toContain("not supported yet");
});

test("an inline router's mistakes are placed in the scenario's own file", async () => {
  const inline = [
    SCENARIO.replace("  router: { preset: round-robin }\n", "").trimEnd(),
    "  router:",
    "    inline:",
    "      apiVersion: llm-d.ai/v1alpha1",
    "      kind: EndpointPickerConfig",
    "      plugins:",
    "        - type: queue-scorrer",
  ];
  writeFileSync(at("inline.yaml"), `${inline.join("\n")}\n`);
  const { code, err } = await run("run", "-f", "inline.yaml");
  expect(code).toBe(2);
  expect(err).toMatch(
    new RegExp(`^inline\\.yaml:${inline.join("\n").split("\n").length}:\\d+: .*queue-scorrer.*queue-scorer`),
  );
});
