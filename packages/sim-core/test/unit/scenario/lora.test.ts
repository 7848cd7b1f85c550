import { loadEndpointPickerConfig, presetText } from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";
import { summarise } from "../../../src/metrics/summarise.ts";
import { modelNamed } from "../../../src/model/catalogue.ts";
import { generateWorkload } from "../../../src/scenario/generate-workload.ts";
import { loadScenario } from "../../../src/scenario/load.ts";
import { resolveScenario } from "../../../src/scenario/resolve.ts";
import { simulate } from "../../../src/simulate/simulate.ts";

const scenario = (lora: string, adapters = "") => `apiVersion: windtunnel.dev/v1alpha1
kind: Scenario
metadata: { name: adapters }
spec:
  workload:
    synthetic:
      arrivals: { process: poisson, rate: 20 }
      count: 300
      promptTokens: 200
      outputTokens: 20${adapters}
  model: meta-llama/Llama-3.1-8B
  pools:
    - { name: a, replicas: 1, accelerator: h100-sxm${lora} }
`;

const ADAPTERS = "\n      adapters: { count: 6 }";
const engine = (lora: string) => `, engine: { lora: { ${lora} } }`;

function resolve(text: string) {
  const loaded = loadScenario(text, { file: "l.yaml" });
  return resolveScenario(loaded, {
    workload: generateWorkload(loaded.scenario)!,
    model: modelNamed(loaded.scenario.spec.model),
    router: loadEndpointPickerConfig(presetText("round-robin")!, { file: "round-robin" }),
  });
}

describe("engine.lora", () => {
  it("derives sizes and times, takes the slots off the KV cache, and shows it all", () => {
    const { input, document } = resolve(scenario(engine("maxLoras: 4, rank: 8"), ADAPTERS));
    // 41,943,040 bytes at rank 8: at 0.8 x 64 GB/s 819 us, and 100 us and 5,992 us from a drive of 7 GB/s.
    expect(input.pools[0]!.lora).toEqual({ maxLoras: 4, maxCpuLoras: 4, loadUs: 819, fetchUs: 6092, slowdown: 1.1 });
    // Four slots of rank 16 are 335,544,320 bytes, 160 blocks of 16 x 131,072.
    expect(input.pools[0]!.numGpuBlocks).toBe(resolve(scenario("")).input.pools[0]!.numGpuBlocks - 160);
    const { spec } = document() as { spec: { pools: { engine: { lora: object } }[] } };
    expect(spec.pools[0]!.engine.lora).toEqual({
      ...{ maxLoras: 4, maxCpuLoras: 4, maxLoraRank: 16, rank: 8, adapterSize: "40MiB" },
      ...{ loadTime: "819us", fetchTime: "6.092ms", slowdown: 1.1 },
    });
  });

  it("takes what is given", () => {
    const given = "maxLoras: 2, maxCpuLoras: 5, adapterSize: 1GB, fetchTime: 3s, slowdown: 1.25";
    const { lora } = resolve(scenario(engine(given), ADAPTERS)).input.pools[0]!;
    // A billion bytes at 51.2 GB/s.
    expect(lora).toEqual({ maxLoras: 2, maxCpuLoras: 5, loadUs: 19_531, fetchUs: 3e6, slowdown: 1.25 });
  });

  it("is needed where adapters are asked for", () => {
    expect(() => resolve(scenario("", ADAPTERS))).toThrow(
      'l.yaml:14:7: the workload asks for 6 LoRA adapters, and pool "a" serves none; it needs engine.lora',
    );
  });

  it("is refused under rules of which those for adapters are not simulated", () => {
    expect(() => resolve(scenario(", engine: { profile: sglang-0.5, lora: { maxLoras: 4 } }"))).toThrow(
      /^l\.yaml:13:\d+: LoRA adapters are not simulated under profile "sglang-0\.5"; allowed: vllm-0\.19, vllm-0\.12, vllm-0\.10$/,
    );
  });

  it("refuses what contradicts itself", () => {
    expect(() => resolve(scenario(engine("maxLoras: 4, maxCpuLoras: 2")))).toThrow("must be maxLoras or more");
    expect(() => resolve(scenario(engine("maxLoraRank: 8, rank: 16")))).toThrow("must be maxLoraRank or less");
    expect(() => resolve(scenario("", "\n      adapters: { count: 2, weights: [1] }"))).toThrow(
      "expected one weight per adapter",
    );
  });

  it("is told of in the summary", () => {
    const resolved = resolve(scenario(engine("maxLoras: 2, maxCpuLoras: 3"), ADAPTERS));
    const result = simulate(resolved.input);
    const { fleet, pools } = summarise(
      { version: "0", scenario: "a", policy: "p", inputs: [], input: resolved.input, hardware: resolved.hardware },
      result,
    );
    const loads = result.replicas[0]!.adapterLoads!;
    const told = { fromHost: loads.fromHost, fromStorage: loads.fromStorage, waitSeconds: loads.waitUs / 1e6 };
    expect(loads.fromStorage).toBeGreaterThan(50);
    expect(fleet.adapters).toEqual({
      requests: 300,
      passedOver: [...result.requests.lora!.skippedUs].filter((us) => us >= 0).length,
      ...told,
    });
    expect(pools[0]!.adapters).toEqual(told);
    // Each load is that of a request in its first step, as nobody is preempted.
    expect(fleet.latency.adapterLoad!.count).toBe(loads.fromHost + loads.fromStorage);
    expect(fleet.latency.slotWait!.count).toBe(fleet.adapters!.passedOver);
  });
});
