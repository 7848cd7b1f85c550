import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { loadEndpointPickerConfig, presetText } from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";
import { deriveKvBlocks } from "../../src/engine/kv-blocks.ts";
import { engineProfile } from "../../src/engine/profiles.ts";
import { createRooflineStepTime } from "../../src/engine/step-time/roofline.ts";
import { acceleratorNamed } from "../../src/hardware/catalogue.ts";
import { modelNamed } from "../../src/model/catalogue.ts";
import type { SimulationInput } from "../../src/simulate/input.ts";
import { Outcome, type SimulationResult } from "../../src/simulate/result.ts";
import { simulate } from "../../src/simulate/simulate.ts";
import { createTraceReader } from "../../src/workload/trace-reader.ts";
import { workloadFromTrace } from "../../src/workload/trace-workload.ts";
import { transformTrace } from "../../src/workload/transform.ts";
import type { Workload } from "../../src/workload/workload.ts";

const FILE = "traces/mooncake/conversation_trace.jsonl.gz";
const path = resolve(process.env.WINDTUNNEL_DATA ?? resolve(import.meta.dirname, "../../../../../shared"), FILE);
const absent = !existsSync(path);
const why = absent ? ` (skipped: no ${FILE} under WINDTUNNEL_DATA or ../shared)` : "";

const PODS = 8;

/** Requests of one timestamp are spread over the three seconds that it stands for. */
function conversation(): Workload {
  const reader = createTraceReader({ file: FILE });
  reader.push(gunzipSync(readFileSync(path)).toString("utf8"));
  return transformTrace(workloadFromTrace(reader.end()).workload, { jitterUs: 3_000_000, seed: 1 });
}

/** Eight pods of Llama-3.1-8B on an H100 each. */
function fleet(workload: Workload, router: string): SimulationInput {
  const shared = { accelerator: acceleratorNamed("h100-sxm"), model: modelNamed("llama-3.1-8b"), tensorParallel: 1 };
  const profile = engineProfile("vllm-0.19", shared.accelerator, shared.model.maxPositionEmbeddings);
  const { maxNumBatchedTokens, maxModelLenTokens, blockSizeTokens } = profile;
  const { numGpuBlocks } = deriveKvBlocks({ ...shared, blockSizeTokens, gpuMemoryUtilization: 0.9 });
  const stepTime = createRooflineStepTime({
    ...shared,
    engineVersion: profile.name,
    maxNumBatchedTokens,
    maxModelLenTokens,
  });
  return {
    workload,
    pools: [{ name: "h100", replicas: PODS, profile, stepTime, numGpuBlocks, labels: {} }],
    router: loadEndpointPickerConfig(presetText(router) ?? router, { file: "router" }),
    modelName: shared.model.name,
    seed: 1,
    scrapeIntervalUs: 50_000,
    kvEventDelayUs: 1_000,
  };
}

const config = (plugins: string, profile: string): string => `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
${plugins}
schedulingProfiles:
- name: default
  plugins:
${profile}
`;

const PREFIX_ONLY = config("- type: prefix-cache-scorer", "  - pluginRef: prefix-cache-scorer\n    weight: 1");

const WITH_AFFINITY_FILTER = config(
  "- type: prefix-cache-affinity-filter\n- type: active-request-scorer",
  "  - pluginRef: prefix-cache-affinity-filter\n  - pluginRef: active-request-scorer\n    weight: 1",
);

const WITH_LOAD_SCORER = config(
  "- type: prefix-cache-scorer\n- type: active-request-scorer",
  "  - pluginRef: prefix-cache-scorer\n    weight: 1\n  - pluginRef: active-request-scorer\n    weight: 1",
);

const hitFraction = ({ replicas }: SimulationResult): number =>
  replicas.reduce((sum, { cachedTokens }) => sum + cachedTokens, 0) /
  replicas.reduce((sum, { promptTokens }) => sum + promptTokens, 0);

/** Busiest replica's requests over the mean. */
const imbalance = ({ replicas, requests }: SimulationResult): number =>
  (Math.max(...replicas.map(({ completed }) => completed)) / requests.count) * PODS;

function meanTtftUs({ requests }: SimulationResult): number {
  let sum = 0;
  for (let row = 0; row < requests.count; row++) sum += requests.firstTokenUs[row]! - requests.arrivalUs[row]!;
  return sum / requests.count;
}

describe.skipIf(absent)(`the Mooncake conversation trace on eight pods${why}`, () => {
  const workload = absent ? undefined : conversation();
  const run = (router: string): SimulationResult => simulate(fleet(workload!, router));

  it("is served to the end, and finds more of its prompts cached where they are sent for that", () => {
    const baseline = run("optimized-baseline");
    const roundRobin = run("round-robin");
    for (const { requests, replicas } of [baseline, roundRobin]) {
      expect(requests.count).toBe(12_031);
      expect(requests.outcome.every((outcome) => outcome === Outcome.completed)).toBe(true);
      expect(replicas.reduce((sum, { decodeTokens }) => sum + decodeTokens, 0)).toBe(
        workload!.outputTokens.reduce((sum, tokens) => sum + tokens, 0),
      );
    }
    expect(imbalance(roundRobin)).toBeCloseTo(1, 2);
    expect(hitFraction(baseline)).toBeGreaterThan(hitFraction(roundRobin) * 1.5);
    // One cache that forgets nothing finds 36.6 % of all blocks.
    expect(hitFraction(baseline)).toBeLessThan(0.3665);
  });

  it("collapses onto few pods under the longest prefix alone: every prompt begins with the same block", () => {
    const collapsed = run(PREFIX_ONLY);
    expect(imbalance(collapsed)).toBeGreaterThan(4);
    const filtered = run(WITH_AFFINITY_FILTER);
    const balanced = run(WITH_LOAD_SCORER);
    expect(imbalance(filtered)).toBeLessThan(1.5);
    expect(imbalance(balanced)).toBeLessThan(1.5);
    expect(meanTtftUs(collapsed)).toBeGreaterThan(10 * Math.max(meanTtftUs(filtered), meanTtftUs(balanced)));
  });

  it("gives the same bytes again", () => {
    expect(run("optimized-baseline")).toEqual(run("optimized-baseline"));
  });
});
