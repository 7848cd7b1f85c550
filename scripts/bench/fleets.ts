import { loadEndpointPickerConfig, presetText } from "@windtunnel/router-policies";
import {
  acceleratorNamed,
  createRooflineStepTime,
  deriveKvBlocks,
  type EngineProfile,
  engineProfile,
  generateSynthetic,
  modelNamed,
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
