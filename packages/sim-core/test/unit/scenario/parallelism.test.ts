import { loadEndpointPickerConfig, presetText } from "@windtunnel/router-policies";
import { expect, test } from "vitest";
import { modelNamed } from "../../../src/model/catalogue.ts";
import { generateWorkload } from "../../../src/scenario/generate-workload.ts";
import { parseOverride } from "../../../src/scenario/layers.ts";
import { loadScenario } from "../../../src/scenario/load.ts";
import { resolveScenario } from "../../../src/scenario/resolve.ts";
import { simulate } from "../../../src/simulate/simulate.ts";

const TEXT = `apiVersion: windtunnel.dev/v1alpha1
kind: Scenario
metadata: { name: a }
spec:
  workload:
    synthetic:
      arrivals: { process: constant, rate: 4 }
      count: 40
      promptTokens: 900
      outputTokens: 100
  model: deepseek-ai/DeepSeek-V3
  pools:
    - name: wide
      replicas: 2
      accelerator: h200
      parallelism: { data: 16, expert: 16, expertSkew: 1.2 }
`;

function resolve(...sets: string[]) {
  const loaded = loadScenario(TEXT, { file: "a.yaml", overrides: sets.map((set) => parseOverride(set)) });
  const router = loadEndpointPickerConfig(presetText("round-robin") ?? "", { file: "preset" });
  const workload = generateWorkload(loaded.scenario)!;
  return resolveScenario(loaded, { workload, model: modelNamed(loaded.scenario.spec.model), router });
}

type Resolved = { spec: { pools: { parallelism: object; tensorParallel: number; engine: Record<string, unknown> }[] } };
const poolOf = (resolved: ReturnType<typeof resolve>) => (resolved.document() as Resolved).spec.pools[0]!;
const llama = "spec.model=meta-llama/Llama-3.1-70B";

test("each data-parallel rank is a replica with an endpoint, and costs its own accelerators", () => {
  const { input, hardware } = resolve();
  expect(input.pools[0]!.replicas).toBe(32);
  expect(hardware[0]!.accelerator).toBe("h200-sxm");
  const pipeline = resolve(llama, "spec.pools[0].parallelism={tensor: 4, pipeline: 2}");
  expect(pipeline.input.pools[0]!.replicas).toBe(2);
  expect(pipeline.hardware[0]).toMatchObject({ accelerator: "8 × h200-sxm", pricePerHourUsd: 8 * 3.6 });
});

test("ranks of a model with experts step together, those of one without apart", () => {
  expect(resolve().input.pools[0]!.lockstepRanks).toBe(16);
  expect(resolve("spec.pools[0].parallelism={data: 2, tensor: 8}").input.pools[0]!.lockstepRanks).toBe(2);
  expect(resolve("spec.pools[0].parallelism={tensor: 8}").input.pools[0]!).not.toHaveProperty("lockstepRanks");
  const dense = resolve(llama, "spec.pools[0].parallelism={data: 4, tensor: 4}");
  expect(dense.input.pools[0]!).toMatchObject({ replicas: 8 });
  expect(dense.input.pools[0]!).not.toHaveProperty("lockstepRanks");
});

test("the layout stands in the document with every default, and tensorParallel is short for its tensor", () => {
  expect(poolOf(resolve())).toMatchObject({
    tensorParallel: 1,
    parallelism: { tensor: 1, pipeline: 1, data: 16, expert: 16, microbatches: 1, expertSkew: 1.2 },
  });
  const short = poolOf(resolve(llama, "spec.pools[0].parallelism={pipeline: 4}", "spec.pools[0].tensorParallel=2"));
  expect(short).toMatchObject({ tensorParallel: 2, parallelism: { tensor: 2, pipeline: 4, microbatches: 4 } });
  expect(() => resolve(llama, "spec.pools[0].parallelism={tensor: 4}", "spec.pools[0].tensorParallel=2")).toThrow(
    'pool "wide": tensorParallel is 2 and parallelism.tensor is 4, allowed: one, or the same',
  );
  expect(() => resolve("spec.pools[0].parallelism={data: 16, expert: 7}")).toThrow(
    /^a\.yaml:13:7: deepseek-ai\/DeepSeek-V3: expertParallel is 7, allowed: a divisor/,
  );
});

test("the document resolves to itself: layout, formats, sizing and speculation", () => {
  const sets = [
    "spec.model=openai/gpt-oss-120b",
    "spec.pools[0].parallelism={tensor: 2}",
    "spec.pools[0].engine.speculative={method: eagle, draftTokens: 3, acceptanceRate: 0.7}",
    "spec.pools[0].engine.kvCacheDtype=fp8",
  ];
  const first = resolve(...sets);
  expect(poolOf(first).engine).toMatchObject({
    quantization: "mxfp4",
    kvCacheDtype: "fp8",
    sizingContextTokens: 1000,
    speculative: { method: "eagle", draftTokens: 3, acceptanceRate: 0.7 },
  });
  const loaded = loadScenario(JSON.stringify(first.document()), { file: "again.yaml" });
  const router = loadEndpointPickerConfig(presetText("round-robin") ?? "", { file: "preset" });
  const workload = generateWorkload(loaded.scenario)!;
  const again = resolveScenario(loaded, { workload, model: modelNamed("openai/gpt-oss-120b"), router });
  expect(again.document()).toEqual(first.document());
});

test("formats default to the checkpoint's weights and a BF16 cache; prefix caching is off where layers keep a state", () => {
  const llamaEngine = poolOf(resolve(llama, "spec.pools[0].parallelism={tensor: 8}")).engine;
  expect(llamaEngine).toMatchObject({ quantization: "bfloat16", kvCacheDtype: "bfloat16", enablePrefixCaching: true });
  expect(llamaEngine).not.toHaveProperty("sizingContextTokens");
  const qwen = ["spec.model=Qwen/Qwen3.5-35B-A3B", "spec.pools[0].parallelism={tensor: 1}"];
  expect(poolOf(resolve(...qwen)).engine).toMatchObject({ enablePrefixCaching: false });
  expect(poolOf(resolve(...qwen, "spec.pools[0].engine.enablePrefixCaching=true")).engine).toMatchObject({
    enablePrefixCaching: true,
  });
});

test("smaller weights leave more blocks", () => {
  const blocks = (...sets: string[]) =>
    resolve(llama, "spec.pools[0].parallelism={tensor: 2}", ...sets).input.pools[0]!.numGpuBlocks;
  expect(blocks("spec.pools[0].engine.quantization=fp8") - blocks()).toBe(
    // 35.3 / 2 GB of linear weights fewer a device, at 16 x 163,840 bytes a block.
    Math.floor((143_771 * 2 ** 20 * 0.9 - 3_650_722_202 - 68_451_041_280 / 2 - 2.103_5e9) / 2_621_440) - blocks(),
  );
});

test("speculation needs a model of the verifying step", () => {
  const sets = ["{method: ngram, draftTokens: 2, acceptanceRate: 0.5}", "{method: ngram, draftTokens: 2}"];
  expect(() =>
    resolve(`spec.pools[0].engine.speculative=${sets[0]}`, "spec.pools[0].stepTime={model: constant, step: 10ms}"),
  ).toThrow('engine.speculative needs stepTime.model roofline, found "constant"');
  expect(() => resolve(`spec.pools[0].engine.speculative=${sets[1]}`)).toThrow(
    "needs exactly one of acceptanceRate, acceptanceLength",
  );
});

test("fast and plain path agree to the microsecond in every layout", () => {
  const cases = [
    [],
    [llama, "spec.pools[0].parallelism={tensor: 2, pipeline: 4}"],
    ["spec.model=openai/gpt-oss-120b", "spec.pools[0].parallelism={tensor: 2}"],
    ["spec.model=Qwen/Qwen3.5-35B-A3B", "spec.pools[0].parallelism={tensor: 1}"],
    ["spec.pools[0].engine.speculative={method: mtp, draftTokens: 2, acceptanceLength: 2.3}"],
  ];
  for (const sets of cases) {
    const { input } = resolve(...sets);
    const fast = simulate({ ...input, path: "fast" }, {});
    const plain = simulate({ ...input, path: "plain" }, {});
    expect(fast.requests.finishUs).toEqual(plain.requests.finishUs);
    expect(fast.requests.firstTokenUs).toEqual(plain.requests.firstTokenUs);
  }
});

test("speculation divides time per output token by tokens over the cost of the step", () => {
  const tpotUs = (...sets: string[]) => {
    const { requests } = simulate(resolve(llama, "spec.pools[0].parallelism={tensor: 8}", ...sets).input, {});
    return (requests.finishUs[0]! - requests.firstTokenUs[0]!) / 99;
  };
  const plain = tpotUs();
  const drafted = tpotUs("spec.pools[0].engine.speculative={method: ngram, draftTokens: 3, acceptanceLength: 2}");
  expect(plain / drafted).toBeGreaterThan(1.7);
  expect(plain / drafted).toBeLessThan(2.1);
});
