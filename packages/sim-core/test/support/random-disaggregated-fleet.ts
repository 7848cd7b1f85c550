import { loadEndpointPickerConfig } from "@windtunnel/router-policies";
import fc from "fast-check";
import type { SimulationInput } from "../../src/simulate/input.ts";
import { bentStepTime } from "./bent-step-time.ts";
import { profile } from "./drive-engine.ts";
import { networkOf } from "./network-of.ts";
import { randomAdapters, servingAdapters } from "./random-adapters.ts";
import { randomWorkload } from "./random-workload.ts";
import { ALWAYS_DISAGGREGATE, disaggregation } from "./two-pods.ts";

/** Scrapes gauges, follows KV events, and prefills elsewhere what is not cached. */
const BY_PREFIX = `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: approx-prefix-cache-producer
  parameters: { blockSizeTokens: 16, autoTune: false }
- type: precise-prefix-cache-scorer
  parameters: { tokenProcessorConfig: { blockSizeTokens: 16 } }
- type: prefix-cache-scorer
- type: queue-scorer
- type: kv-cache-utilization-scorer
- type: prefill-filter
- type: decode-filter
- type: max-score-picker
- type: prefix-based-pd-decider
  parameters: { nonCachedTokens: 40 }
- type: disagg-profile-handler
  parameters: { deciders: { prefill: prefix-based-pd-decider } }
schedulingProfiles:
- name: prefill
  plugins:
  - { pluginRef: prefill-filter }
  - { pluginRef: precise-prefix-cache-scorer, weight: 2 }
  - { pluginRef: queue-scorer }
  - { pluginRef: max-score-picker }
- name: decode
  plugins:
  - { pluginRef: decode-filter }
  - { pluginRef: prefix-cache-scorer, weight: 2 }
  - { pluginRef: kv-cache-utilization-scorer }
  - { pluginRef: max-score-picker }
`;

const ROLES = ["prefill", "decode", "prefill-decode"] as const;

/** Small fleets of prefill pods, decode pods, and pods that do both for one another, with KV memory that is short. */
export const randomDisaggregatedFleet: fc.Arbitrary<SimulationInput> = fc
  .record({
    workload: randomWorkload(40, 300),
    config: fc.constantFrom(ALWAYS_DISAGGREGATE, BY_PREFIX),
    replicas: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 2 })),
    lockstep: fc.constantFrom(-1, -1, -1, 0, 1, 2),
    lockstepRanks: fc.constantFrom(1, 2, 3),
    spareBlocks: fc.integer({ min: 0, max: 60 }),
    rules: fc.constantFrom({}, {}, { scheduler: "sglang" as const }),
    maxNumSeqs: fc.constantFrom(1, 3, 8),
    maxNumBatchedTokens: fc.constantFrom(64, 1000),
    enablePrefixCaching: fc.boolean(),
    schedulerReserveFullIsl: fc.boolean(),
    requestOverheadUs: fc.constantFrom(0, 700),
    scrapeIntervalUs: fc.constantFrom(900, 5_000, 50_000),
    kvEventDelayUs: fc.constantFrom(0, 1_000),
    linked: fc.boolean(),
    flow: fc.record({
      transfer: fc.constantFrom("pull" as const, "pull" as const, "push" as const),
      overlapLayers: fc.constantFrom(1, 4, 32),
      kvBytesPerToken: fc.constantFrom(1_000, 1_000_000, 20_000_000),
      stateBytes: fc.constantFrom(0, 0, 50_000_000),
      setUpUs: fc.constantFrom(0, 1, 1_000),
      sidecarLegUs: fc.constantFrom(0, 1, 2_000),
      prefillFailureFraction: fc.constantFrom(0, 0, 0.3, 1),
      prefillMaxRetries: fc.constantFrom(0, 2),
      prefillRetryBackoffUs: fc.constantFrom(0, 200, 20_000),
      // Pods that prefill for one another can wait for one another until this is over.
      holdTimeoutUs: fc.constantFrom(3_000, 200_000),
    }),
    lora: fc.option(randomAdapters, { nil: undefined }),
    seed: fc.nat(1000),
  })
  .map((given) => {
    const { workload } = given;
    const most = Math.max(...workload.promptTokens.map((tokens, row) => tokens + workload.outputTokens[row]!));
    const pools = ROLES.map((role, index) => ({
      name: role,
      replicas: given.replicas[index]! * (index === given.lockstep ? given.lockstepRanks : 1),
      ...(index === given.lockstep ? { lockstepRanks: given.lockstepRanks } : {}),
      profile: profile({ ...given, ...given.rules, blockSizeTokens: 16 }),
      stepTime: {
        ...bentStepTime([321.7, 612.3, 1_234.5][index]!, 7.3, 0.11),
        sharedUs: (tokens: number) => 17.3 + 1.9 * tokens,
      },
      numGpuBlocks: Math.ceil(most / 16) + 1 + given.spareBlocks,
      labels: { "llm-d.ai/role": role },
    })).filter(({ replicas }) => replicas > 0);
    const input = {
      workload,
      pools,
      router: loadEndpointPickerConfig(given.config, { file: "pd.yaml" }),
      modelName: "model",
      seed: given.seed,
      scrapeIntervalUs: given.scrapeIntervalUs,
      kvEventDelayUs: given.kvEventDelayUs,
      disaggregation: disaggregation(given.flow),
      ...(given.linked ? { network: networkOf(pools) } : {}),
    };
    // Adapters are served by vLLM's rules only.
    return servingAdapters(input, "scheduler" in given.rules ? undefined : given.lora);
  });
