import { loadEndpointPickerConfig, presetText } from "@windtunnel/router-policies";
import {
  acceleratorNamed,
  createRooflineStepTime,
  deriveKvBlocks,
  type EngineProfile,
  engineProfile,
  generateSynthetic,
  loadScenario,
  modelNamed,
  resolveScenario,
  type SimulationInput,
  syntheticSchema,
  type Workload,
} from "@windtunnel/sim-core";

/** The model and device of every figure: Llama-3.1-8B on one H100 a replica. */
const MODEL = "meta-llama/Llama-3.1-8B";
const ACCELERATOR = "h100-sxm";

/** A fleet of alike replicas under a router preset, or under a configuration's text. */
export function fleet(
  pods: number,
  policy: string,
  workload: Workload,
  engine: Partial<EngineProfile> = {},
): SimulationInput {
  const accelerator = acceleratorNamed(ACCELERATOR);
  const model = modelNamed(MODEL);
  const profile = engineProfile("vllm-0.19", accelerator, model.maxPositionEmbeddings, {
    maxNumSeqs: 256,
    maxNumBatchedTokens: 8192,
    ...engine,
  });
  const text = policy.includes("\n") ? policy : presetText(policy);
  if (text === undefined) throw new Error(`unknown preset "${policy}"`);
  const shared = { accelerator, model, tensorParallel: 1 };
  return {
    workload,
    pools: [
      {
        name: "h100",
        replicas: pods,
        profile,
        stepTime: createRooflineStepTime({
          ...shared,
          engineVersion: profile.name,
          maxNumBatchedTokens: profile.maxNumBatchedTokens,
          maxModelLenTokens: profile.maxModelLenTokens,
        }),
        numGpuBlocks: deriveKvBlocks({
          ...shared,
          blockSizeTokens: profile.blockSizeTokens,
          gpuMemoryUtilization: 0.9,
        }).numGpuBlocks,
        labels: {},
      },
    ],
    router: loadEndpointPickerConfig(text, { file: policy.includes("\n") ? "inline" : policy }),
    modelName: MODEL,
    seed: 1,
    scrapeIntervalUs: 50_000,
    kvEventDelayUs: 1000,
  };
}

/** Least connections among the pods that decode, and among those that prefill: every prompt moves. */
const ALWAYS_ELSEWHERE = `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: disagg-profile-handler
  parameters: { deciders: { prefill: always-disagg-pd-decider } }
- type: always-disagg-pd-decider
- type: prefill-filter
- type: decode-filter
- type: least-connections-picker
schedulingProfiles:
- name: prefill
  plugins: [{ pluginRef: prefill-filter }, { pluginRef: least-connections-picker }]
- name: decode
  plugins: [{ pluginRef: decode-filter }, { pluginRef: least-connections-picker }]
`;

/** Half of the pods prefill for the other half, over the default network; with host DRAM below HBM where told. */
export function twoPoolFleet(pods: number, tiered: boolean, workload: Workload): SimulationInput {
  const pool = (name: string): string =>
    `    - { name: ${name}, replicas: ${pods / 2}, accelerator: ${ACCELERATOR}, labels: { llm-d.ai/role: ${name} }` +
    `${tiered ? ", kvTiers: [{ tier: host-dram, capacity: 200GiB }]" : ""} }\n`;
  const text = `apiVersion: windtunnel.dev/v1alpha1
kind: Scenario
metadata: { name: two-pools }
spec:
  seed: 1
  workload: { synthetic: { arrivals: { process: poisson, rate: 1 }, count: 1, promptTokens: 1, outputTokens: 1 } }
  model: ${MODEL}
  pools:
${pool("prefill")}${pool("decode")}  router: { preset: pd-disaggregation }
`;
  const router = loadEndpointPickerConfig(ALWAYS_ELSEWHERE, { file: "always-elsewhere" });
  return resolveScenario(loadScenario(text, { file: "two-pools" }), { workload, model: modelNamed(MODEL), router })
    .input;
}

/** Poisson arrivals, lognormal prompts and outputs, nothing shared. */
export function loadOnly(count: number, ratePerSecond: number, outputMean = 250): Workload {
  return generateSynthetic(
    syntheticSchema.parse({
      arrivals: { process: "poisson", rate: ratePerSecond },
      count,
      promptTokens: { distribution: "lognormal", mean: 1000, sigma: 1, max: 100_000 },
      outputTokens: { distribution: "lognormal", mean: outputMean, sigma: 0.8, max: 30_000 },
    }),
    1,
  );
}

/** Conversations: 200 shared system prompts of 512 tokens, turns that repeat all before them, about 3,000 tokens. */
export function conversations(count: number, ratePerSecond: number): Workload {
  return generateSynthetic(
    syntheticSchema.parse({
      arrivals: { process: "poisson", rate: ratePerSecond / 8 },
      count,
      sessions: {
        turns: { distribution: "geometric", mean: 8, max: 40 },
        thinkTime: { distribution: "lognormal", mean: "20s", sigma: 0.8 },
        maxPromptTokens: 30_000,
      },
      sharedPrefixes: { groups: 200, tokens: 512, zipfExponent: 1 },
      promptTokens: { distribution: "lognormal", mean: 250, sigma: 0.8, max: 8000 },
      outputTokens: { distribution: "lognormal", mean: 250, sigma: 0.8, max: 4000 },
    }),
    1,
  );
}
