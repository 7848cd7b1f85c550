import { loadEndpointPickerConfig, presetText } from "@windtunnel/router-policies";
import { expect, it } from "vitest";
import { summarise } from "../../src/metrics/summarise.ts";
import { modelNamed } from "../../src/model/catalogue.ts";
import { generateWorkload } from "../../src/scenario/generate-workload.ts";
import { loadScenario } from "../../src/scenario/load.ts";
import { resolveScenario } from "../../src/scenario/resolve.ts";
import { simulate } from "../../src/simulate/simulate.ts";

/** llm-d's guide to CPU offloading: eight pods of Qwen3-32B on two H100s, 45 in flight, 45 prefixes. */
function totalTokensPerSecond(prefixTokens: number, tiers: string): number {
  const text = `apiVersion: windtunnel.dev/v1alpha1
kind: Scenario
metadata: { name: cpu-offload }
spec:
  workload:
    inferencePerf:
      data:
        type: shared_prefix
        shared_prefix:
          { num_groups: 45, num_prompts_per_group: 10, system_prompt_len: ${prefixTokens}, question_len: 256, output_len: 1024 }
      load: { type: concurrent, stages: [{ num_requests: 450, concurrency_level: 45 }] }
  model: Qwen/Qwen3-32B
  pools:
    - name: h100
      replicas: 8
      tensorParallel: 2
      accelerator: h100-sxm
      engine: { numGpuBlocks: 9271 }${tiers}
`;
  const loaded = loadScenario(text, { file: "cpu-offload.yaml" });
  const preset = "optimized-baseline";
  const { input, hardware } = resolveScenario(loaded, {
    workload: generateWorkload(loaded.scenario)!,
    model: modelNamed(loaded.scenario.spec.model),
    router: loadEndpointPickerConfig(presetText(preset)!, { file: preset }),
  });
  const facts = { version: "0", scenario: "t", policy: "p", inputs: [], input, hardware };
  return summarise(facts, simulate(input)).fleet.totalTokensPerSecond!;
}

// 41,000 blocks of 16 tokens.
const TIERS = "\n      kvTiers: [{ tier: host-dram, capacity: 172GB }]";

it("tiers neither help nor hurt where everything fits in HBM: a ratio of 0.95 to 1.05", () => {
  const ratio = totalTokensPerSecond(8000, TIERS) / totalTokensPerSecond(8000, "");
  expect(ratio).toBeGreaterThan(0.95);
  expect(ratio).toBeLessThan(1.05);
});

it("tiers help where the prefixes do not fit", () => {
  expect(totalTokensPerSecond(30_000, TIERS)).toBeGreaterThan(totalTokensPerSecond(30_000, ""));
});
