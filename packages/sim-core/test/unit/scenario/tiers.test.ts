import { loadEndpointPickerConfig, presetText } from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";
import { summarise } from "../../../src/metrics/summarise.ts";
import { modelNamed } from "../../../src/model/catalogue.ts";
import { generateWorkload } from "../../../src/scenario/generate-workload.ts";
import { loadScenario } from "../../../src/scenario/load.ts";
import { resolveScenario } from "../../../src/scenario/resolve.ts";
import { simulate } from "../../../src/simulate/simulate.ts";

const scenario = (tiers: string, more = "", model = "meta-llama/Llama-3.1-8B") => `apiVersion: windtunnel.dev/v1alpha1
kind: Scenario
metadata: { name: tiers }
spec:
  workload:
    synthetic:
      name: prefixes
      arrivals: { process: poisson, rate: 4 }
      count: 200
      sharedPrefixes: { groups: 20, tokens: 8000, zipfExponent: 0 }
      promptTokens: { distribution: fixed, tokens: 100 }
      outputTokens: { distribution: fixed, tokens: 20 }
  model: ${model}
  pools:
    - { name: a, replicas: 1, accelerator: h100-sxm, engine: { numGpuBlocks: 2000 }${tiers} }
${more}`;

function resolve(text: string) {
  const loaded = loadScenario(text, { file: "t.yaml" });
  const preset = "round-robin";
  return resolveScenario(loaded, {
    workload: generateWorkload(loaded.scenario)!,
    model: modelNamed(loaded.scenario.spec.model),
    router: loadEndpointPickerConfig(presetText(preset)!, { file: preset }),
  });
}

const DRAM = ", kvTiers: [{ tier: host-dram, capacity: 100GB }]";

describe("kvTiers", () => {
  it("has defaults by tier, shows them, and brings the fleet's links", () => {
    const { input, document } = resolve(
      scenario(", kvTiers: [{ tier: host-dram, capacity: 200GiB }, { tier: network-store, capacity: 10TB }]"),
    );
    const common = { write: "through", load: "always", promote: true, prefetch: false, storeOutputs: true };
    const tiers = [
      { tier: "host-dram", scope: "replica", capacityBytes: 200 * 2 ** 30, ...common, readPeers: false, warm: false },
      { tier: "network-store", scope: "fleet", capacityBytes: 10e12, ...common, readPeers: false, warm: false },
    ];
    expect(input.pools[0]!.kvTiers).toEqual({ kvBytesPerToken: 131_072, tiers });
    expect(input.network!.replicas).toHaveLength(1);
    const { kvTiers } = (document() as { spec: { pools: { kvTiers: object[] }[] } }).spec.pools[0]!;
    expect(kvTiers[1]).toMatchObject({ tier: "network-store", capacity: "10TB", scope: "fleet", write: "through" });
  });

  it("is absent where nobody asks for it", () => {
    const { input, hardware } = resolve(scenario(""));
    expect(input.pools[0]).not.toHaveProperty("kvTiers");
    expect(input).not.toHaveProperty("network");
    const result = simulate(input);
    expect(result).not.toHaveProperty("kvTiers");
    expect(result.requests).not.toHaveProperty("tiers");
    const facts = { version: "0", scenario: "t", policy: "p", inputs: [], input, hardware };
    const { fleet } = summarise(facts, result);
    expect(fleet).not.toHaveProperty("tiers");
    expect(fleet.latency).not.toHaveProperty("kvLoad");
  });

  it("takes a latent cache as it is and heads once, whatever the tensor parallelism", () => {
    const { input } = resolve(scenario(`, tensorParallel: 2${DRAM}`, "", "Qwen/Qwen3-32B"));
    expect(input.pools[0]!.kvTiers!.kvBytesPerToken).toBe(262_144);
  });

  it("says where a tier cannot be", () => {
    const wrong = (tiers: string) => () => resolve(scenario(`, kvTiers: ${tiers}`));
    expect(wrong("[{ tier: host-dramm, capacity: 1GB }]")).toThrow(/^t.yaml:15:\d+: .*did you mean "host-dram"/);
    expect(wrong("[{ tier: host-dram }]")).toThrow(/^t.yaml:15:\d+: .*capacity: is missing/);
    expect(wrong("[{ tier: nvme, capacity: 1GB }, { tier: nvme, capacity: 1GB }]")).toThrow('duplicate tier "nvme"');
    expect(wrong("[{ tier: nvme, capacity: 1GB, scope: node, readPeers: true }]")).toThrow("needs scope: replica");
    const other = `    - { name: b, replicas: 1, accelerator: h100-sxm, kvTiers: [{ tier: network-store, capacity: 2TB }] }`;
    expect(() => resolve(scenario(", kvTiers: [{ tier: network-store, capacity: 1TB }]", other))).toThrow(
      /^t.yaml:16:\d+: capacity of network-store is not that of pool "a"/,
    );
  });

  it("is summed up: hits by tier, the time of loads, what the tiers held", () => {
    const { input, hardware } = resolve(scenario(DRAM));
    const result = simulate(input);
    const { fleet } = summarise({ version: "0", scenario: "t", policy: "p", inputs: [], input, hardware }, result);
    const { tiers, latency } = fleet;
    // HBM holds 4 of the 20 prefixes, DRAM all.
    const hits = tiers!.hitTokens["host-dram"]!;
    expect(hits).toBeGreaterThan(100 * 8000);
    expect(hits).toBeLessThan(fleet.prefixHitTokens);
    expect(tiers!.tierHitFraction).toBeCloseTo(hits / (200 * 8100), 12);
    expect(tiers!.loadedBytes).toBe(hits * 131_072);
    expect(tiers!.byTier["host-dram"]).toMatchObject({ instances: 1, evictedBlocks: 0, readBytes: hits * 131_072 });
    // 8000 tokens are 1.05 GB: 20.5 ms at 51.2 GB/s.
    expect(latency.kvLoad!.p50Seconds).toBeCloseTo(0.02049, 4);
    // Some find the first part of their prefix in HBM still.
    expect(latency.kvLoad!.count).toBeGreaterThanOrEqual(hits / 8000);
    expect(latency.kvLoad!.count).toBeLessThanOrEqual(200);
  });
});
