import { loadEndpointPickerConfig, presetText } from "@windtunnel/router-policies";
import { expect, test } from "vitest";
import { ScenarioError } from "../../../src/errors.ts";
import { modelNamed } from "../../../src/model/catalogue.ts";
import { generateWorkload } from "../../../src/scenario/generate-workload.ts";
import { parseOverride } from "../../../src/scenario/layers.ts";
import { loadScenario } from "../../../src/scenario/load.ts";
import { resolveScenario } from "../../../src/scenario/resolve.ts";

const TEXT = `apiVersion: windtunnel.dev/v1alpha1
kind: Scenario
metadata: { name: a }
spec:
  workload:
    synthetic:
      arrivals: { process: constant, rate: 1 }
      count: 4
      promptTokens: 100
      outputTokens: 10
      classes: [{ name: own, ttftSlo: 1s }, { name: none }]
    slo: { ttft: 2s, tpot: 50ms }
  model: meta-llama/Llama-3.1-8B
  pools:
    - { name: a, replicas: 2, accelerator: h100, tensorParallel: 2, pricePerHour: 2 }
    - { name: b, replicas: 1, accelerator: l40s, engine: { numGpuBlocks: 5000, maxNumSeqs: 3, maxModelLen: 9000 } }
`;

function resolve(...sets: string[]) {
  const loaded = loadScenario(TEXT, { file: "a.yaml", overrides: sets.map((set) => parseOverride(set)) });
  const router = loadEndpointPickerConfig(presetText("round-robin") ?? "", { file: "preset" });
  const workload = generateWorkload(loaded.scenario)!;
  return resolveScenario(loaded, { workload, model: modelNamed(loaded.scenario.spec.model), router });
}

test("derives what hardware and profile decide, and keeps what is given", () => {
  const { input, hardware } = resolve();
  expect(input.pools[0]!.profile).toMatchObject({
    maxNumSeqs: 1024,
    maxNumBatchedTokens: 8192,
    maxModelLenTokens: 131_072,
  });
  expect(input.pools[1]).toMatchObject({
    numGpuBlocks: 5000,
    profile: { maxNumSeqs: 3, maxNumBatchedTokens: 2048, maxModelLenTokens: 9000 },
  });
  expect(hardware[0]).toMatchObject({ accelerator: "2 × h100-sxm", pricePerHourUsd: 4, peakWatts: 1400 });
});

test.each(["sglang-0.5", "trtllm-1.0"])("a pool of %s resolves to itself", (name) => {
  const resolved = resolve(`spec.pools[0].engine.profile=${name}`);
  const again = loadScenario(JSON.stringify(resolved.document()), { file: "again.yaml" });
  expect(again.scenario.spec.pools[0]!.engine.profile).toBe(name);
  const router = loadEndpointPickerConfig(presetText("round-robin") ?? "", { file: "preset" });
  const workload = generateWorkload(again.scenario)!;
  const second = resolveScenario(again, { workload, model: modelNamed(again.scenario.spec.model), router });
  expect(second.input.pools[0]!.profile).toEqual(resolved.input.pools[0]!.profile);
  expect(second.input.pools[0]!.numGpuBlocks).toBe(resolved.input.pools[0]!.numGpuBlocks);
});

test.each([
  ["sglang-0.5", "guaranteedNoEvict=true", "engine.guaranteedNoEvict: sglang-0.5 has no such setting"],
  ["vllm-0.19", "scheduleConservativeness=1", "engine.scheduleConservativeness: vllm-0.19 has no such setting"],
  ["sglang-0.5", "blockSizeTokens=100", "splits prompts at whole blocks of 100 tokens, found 8192"],
  ["sglang-0.6", "blockSizeTokens=1", 'unknown engine profile "sglang-0.6" (did you mean "sglang-0.5"?)'],
])("a pool of %s refuses %s", (name, setting, error) => {
  expect(() => resolve(`spec.pools[0].engine.profile=${name}`, `spec.pools[0].engine.${setting}`)).toThrow(error);
});

test("every derived value stands in the document, which resolves to itself", () => {
  const document = resolve().document();
  expect(document).toMatchObject({
    spec: {
      pools: [
        { accelerator: "h100-sxm", pricePerHour: 2, engine: { maxNumSeqs: 1024, reserve: "3.4GiB" } },
        { engine: { numGpuBlocks: 5000, requestOverhead: expect.stringMatching(/^[\d.]+ms$/) } },
      ],
    },
  });
  const again = loadScenario(JSON.stringify(document), { file: "again.yaml" });
  expect(again.scenario.spec.pools[0]!.engine.numGpuBlocks).toBe(resolve().input.pools[0]!.numGpuBlocks);
});

test("the scenario's objectives are those of classes without their own", () => {
  expect(resolve().input.workload.classes).toEqual([
    { name: "own", priority: 0, ttftSloUs: 1_000_000 },
    { name: "none", priority: 0, ttftSloUs: 2_000_000, tpotSloUs: 50_000 },
  ]);
});

test("decisions are recorded as asked", () => {
  const rows = (...sets: string[]) => [0, 1, 2, 3, 4].filter((row) => resolve(...sets).input.recordDecision?.(row));
  expect(resolve().input.recordDecision).toBeUndefined();
  expect(rows("spec.observe.decisions={every: 2}")).toEqual([0, 2, 4]);
  expect(rows("spec.observe.decisions={rows: [1, 3]}")).toEqual([1, 3]);
  expect(rows("spec.observe.decisions=all")).toEqual([0, 1, 2, 3, 4]);
});

test("a pool that cannot be is an error at its place", () => {
  const tooBig = () => resolve("spec.model=meta-llama/Llama-3.1-70B", "spec.pools[0].tensorParallel=1");
  expect(tooBig).toThrow(ScenarioError);
  expect(tooBig).toThrow(/^a\.yaml:15:7: .*does not fit/);
});

test("takes a gateway's limit, and refuses one that lets nobody through", () => {
  expect(resolve().input.gateway).toBeUndefined();
  expect(resolve("spec.gateway.maxRequests=1024").input.gateway).toEqual({ maxRequests: 1024 });
  expect(() => resolve("spec.gateway.maxRequests=0")).toThrow(/spec\.gateway\.maxRequests/);
});

test("takes clients' patience, and refuses one of no time", () => {
  expect(resolve().input.patience).toBeUndefined();
  expect(resolve("spec.workload.clientTimeout=2s").input.patience).toEqual({ clientTimeoutUs: 2_000_000 });
  const cancel = resolve("spec.workload.cancel.fraction=0.1", "spec.workload.cancel.after=300ms").input.patience;
  expect(cancel).toEqual({ cancel: { fraction: 0.1, afterUs: 300_000 } });
  expect(() => resolve("spec.workload.clientTimeout=0s")).toThrow(/spec\.workload\.clientTimeout.*must be 1us or more/);
});
