import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ScenarioError } from "../../../src/errors.ts";
import { fillDefaults } from "../../../src/scenario/fill-defaults.ts";
import { parseOverride, parsePath } from "../../../src/scenario/layers.ts";
import type { LoadOptions } from "../../../src/scenario/load.ts";
import { loadScenario, scenarioJsonSchema } from "../../../src/scenario/load.ts";

const TEXT = `apiVersion: windtunnel.dev/v1alpha1
kind: Scenario
metadata: { name: a }
spec:
  workload:
    trace: { path: t.jsonl, jitter: 3s }
  model: meta-llama/Llama-3.1-8B
  pools:
    - name: h100
      replicas: 8
      accelerator: h100-sxm
`;

const load = (text: string, options: Partial<LoadOptions> = {}) => loadScenario(text, { file: "a.yaml", ...options });

function errorOf(text: string, options: Partial<LoadOptions> = {}): string {
  try {
    load(text, options);
  } catch (error) {
    expect(error).toBeInstanceOf(ScenarioError);
    return (error as Error).message;
  }
  throw new Error("loaded");
}

test("reads units and fills defaults", () => {
  const { spec } = load(TEXT).scenario;
  expect(spec.workload.trace?.jitter).toBe(3_000_000);
  expect(spec.signals).toEqual({ scrapeInterval: 50_000, kvEventDelay: 1_000 });
  expect(spec.pools[0]).toMatchObject({ tensorParallel: 1, engine: { profile: "vllm-0.19" } });
  expect(spec.router.preset).toBe("optimized-baseline");
});

describe("a mistake is one line with its place", () => {
  test.each([
    [
      "replicas: 8",
      "replica: 8",
      'a.yaml:10:7: spec.pools[0]: unknown field "replica" (did you mean "replicas"?); allowed: name, replicas',
    ],
    ["replicas: 8", "replicas: six", 'a.yaml:10:17: spec.pools[0].replicas: expected a number, found "six"'],
    ["replicas: 8", "replicas: 0", "a.yaml:10:17: spec.pools[0].replicas: expected at least 1, found 0"],
    [
      "jitter: 3s",
      "jitter: 3",
      'a.yaml:6:37: spec.workload.trace.jitter: expected text with a unit, such as "250ms" or "3s", found 3',
    ],
    [
      "kind: Scenario",
      "kind: Scenrio",
      'a.yaml:2:7: kind: expected "Scenario", found "Scenrio" (did you mean "Scenario"?)',
    ],
    ["  model:", "  modl:", "spec.model: is missing"],
    ["trace: {", "trce: {", "needs exactly one of trace, synthetic, inferencePerf; found none"],
    [
      "accelerator: h100-sxm",
      "accelerator: h100-sxm\n      stepTime: { model: rooflin }",
      'expected "roofline" or "constant" or "linear" or "table", found "rooflin" (did you mean "roofline"?)',
    ],
    ["metadata: { name: a }", "metadata: { name: a", "a.yaml:"],
  ])("%s to %s", (from, to, expected) => {
    expect(errorOf(TEXT.replace(from, to))).toContain(expected);
  });

  test("all of them are told at once", () => {
    const lines = errorOf(TEXT.replace("replicas: 8", "replicas: six").replace("3s", "3")).split("\n");
    expect(lines).toHaveLength(2);
  });
});

describe("layers", () => {
  test("later files win, lists are replaced", () => {
    const overlay = { text: "spec: { seed: 9, pools: [{ name: l4, replicas: 1, accelerator: l4 }] }", file: "b.yaml" };
    const { spec } = load(TEXT, { overlays: [overlay] }).scenario;
    expect([spec.seed, spec.pools.map(({ name }) => name), spec.model]).toEqual([9, ["l4"], "meta-llama/Llama-3.1-8B"]);
  });

  test("a mistake in an overlay is placed there", () => {
    expect(errorOf(TEXT, { overlays: [{ text: "spec:\n  seeed: 9\n", file: "b.yaml" }] })).toContain(
      'b.yaml:2:3: spec: unknown field "seeed"',
    );
  });

  test("overrides win over files and are typed", () => {
    const overrides = [parseOverride("spec.pools[0].replicas=6"), parseOverride("spec.seed=x", "--set-string", false)];
    const { spec } = load(TEXT, { overrides }).scenario;
    expect([spec.pools[0]!.replicas, spec.seed]).toEqual([6, "x"]);
  });

  test("a mistake in an override names the option", () => {
    expect(errorOf(TEXT, { overrides: [parseOverride("spec.pools[0].replicas=six")] })).toMatch(
      /^--set spec\.pools\[0\]\.replicas=six: /,
    );
    expect(() => load(TEXT, { overrides: [parseOverride("spec.pools[3].replicas=6")] })).toThrow(
      "out of range; the list has 1 entries",
    );
    expect(() => parseOverride("spec.seed")).toThrow("expected PATH=VALUE");
  });

  test("paths name list entries and odd keys", () => {
    expect(parsePath('spec.pools[0].labels["llm-d.ai/role"]', "x")).toEqual([
      "spec",
      "pools",
      0,
      "labels",
      "llm-d.ai/role",
    ]);
    expect(() => parsePath("spec..x", "--set spec..x=1")).toThrow('--set spec..x=1: cannot read the path at "..x"');
  });
});

test("an inference-perf configuration may be pasted beside its generator", () => {
  const pasted = TEXT.replace(
    "trace: { path: t.jsonl, jitter: 3s }",
    "generator: inference-perf\n    load: { type: poisson, stages: [{ rate: 1, duration: 5 }] }\n    data: { type: shared_prefix, shared_prefix: { num_groups: 2 } }",
  );
  expect(load(pasted).scenario.spec.workload.inferencePerf?.load.type).toBe("poisson");
  expect(errorOf(pasted.replace("rate: 1", "rte: 1"))).toMatch(
    /^a\.yaml:7:\d+: spec\.workload\.inferencePerf\.load\.stages\[0\]/m,
  );
});

test("the text of an inline router keeps its line and column numbers", () => {
  const inline = `${TEXT}  router:\n    inline:\n      kind: EndpointPickerConfig\n`;
  const lines = load(inline).inlineRouter?.text.split("\n") ?? [];
  expect(lines[13]).toBe("      kind: EndpointPickerConfig");
  expect(lines.slice(0, 13).join("").trim()).toBe("");
});

test("the resolved form shows every default and loads to the same scenario", () => {
  const { written, scenario } = load(TEXT);
  const filled = fillDefaults(scenarioJsonSchema(), written, scenario);
  expect(filled).toMatchObject({
    spec: {
      seed: 1,
      signals: { scrapeInterval: "50ms", kvEventDelay: "1ms" },
      observe: { series: "1s", decisions: "none" },
    },
  });
  expect(load(JSON.stringify(filled)).scenario).toEqual(scenario);
});

test("no text makes anything but a scenario or an error that names the file", () => {
  const mutated = fc.tuple(fc.nat(TEXT.length), fc.nat(12), fc.string({ maxLength: 6, unit: "binary-ascii" }));
  fc.assert(
    fc.property(fc.array(mutated, { minLength: 1, maxLength: 3 }), (edits) => {
      let text = TEXT;
      for (const [at, remove, insert] of edits) text = text.slice(0, at) + insert + text.slice(at + remove);
      try {
        load(text);
      } catch (error) {
        expect(error).toBeInstanceOf(ScenarioError);
        for (const line of (error as Error).message.split("\n")) expect(line).toMatch(/^a\.yaml:\d+:\d+: ./);
      }
    }),
    { numRuns: 300 },
  );
});
