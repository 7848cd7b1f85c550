import type { RooflineOptions } from "../../src/engine/step-time/options.ts";
import type { StepTimeModelName } from "../../src/engine/step-time/registry.ts";
import { STEP_TIME_MODELS } from "../../src/engine/step-time/registry.ts";
import type { StepTimeModel } from "../../src/engine/step-time-model.ts";
import { acceleratorNamed } from "../../src/hardware/catalogue.ts";
import { modelNamed } from "../../src/model/catalogue.ts";

/** What a roofline model of a catalogue device and model is made for. */
export function rooflineOptions(accelerator: string, model: string, tensorParallel: number): RooflineOptions {
  return {
    accelerator: acceleratorNamed(accelerator),
    model: modelNamed(model),
    tensorParallel,
    engineVersion: "vllm-0.19",
    maxNumBatchedTokens: 8192,
    maxModelLenTokens: 131_072,
  };
}

/** A roofline model of a catalogue device and model, in a layout. */
export function roofline(
  accelerator: string,
  model: string,
  tensorParallel: number,
  layout: Partial<RooflineOptions> = {},
): StepTimeModel {
  return STEP_TIME_MODELS.roofline({ ...rooflineOptions(accelerator, model, tensorParallel), ...layout });
}

/** One or more examples of every registered model: a model without one does not compile. */
export const EXAMPLES: Readonly<Record<StepTimeModelName, readonly (() => StepTimeModel)[]>> = {
  roofline: [
    () => roofline("h100", "llama-3.1-8b", 1),
    () => roofline("b200", "deepseek-ai/DeepSeek-V3", 8),
    () => roofline("mi300x", "Qwen/Qwen3-30B-A3B", 2),
    () => roofline("h100", "openai/gpt-oss-120b", 2),
    () => roofline("h200", "Qwen/Qwen3.5-122B-A10B", 4, { kvFormat: "fp8" }),
    () => roofline("b200", "deepseek-ai/DeepSeek-V3.2", 8, { kvFormat: "fp8" }),
    () => roofline("h200", "deepseek-ai/DeepSeek-V4-Flash", 8, { kvFormat: "fp8" }),
    () => roofline("b200", "deepseek-ai/DeepSeek-V4-Pro", 8, { kvFormat: "fp8", maxModelLenTokens: 1_048_576 }),
    () => roofline("h100", "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", 1),
    () => roofline("h100", "meta-llama/Llama-4-Scout-17B-16E-Instruct", 8),
    () => roofline("h200", "deepseek-ai/DeepSeek-V3", 1, { dataParallel: 16, expertParallel: 16, expertSkew: 1.3 }),
    () => roofline("l40s", "llama-3.1-70b", 2, { pipelineParallel: 4 }),
  ],
  speculative: [
    () =>
      STEP_TIME_MODELS.speculative(rooflineOptions("h100", "llama-3.1-8b", 1), {
        method: "eagle",
        draftTokens: 3,
        tokensPerStep: 2.5,
      }),
    () =>
      STEP_TIME_MODELS.speculative(rooflineOptions("b200", "deepseek-ai/DeepSeek-V3", 8), {
        method: "mtp",
        draftTokens: 1,
        tokensPerStep: 1.8,
      }),
    () =>
      STEP_TIME_MODELS.speculative(rooflineOptions("b200", "deepseek-ai/DeepSeek-V4-Pro", 8), {
        method: "mtp",
        draftTokens: 2,
        tokensPerStep: 2.2,
      }),
  ],
  constant: [() => STEP_TIME_MODELS.constant({ stepUs: 1_000 })],
  linear: [() => STEP_TIME_MODELS.linear({ baseUs: 5_000, perTokenUs: 20, perContextTokenUs: 0.05 })],
  table: [
    () =>
      STEP_TIME_MODELS.table({
        decodeSeqs: [1, 8, 64],
        contextTokens: [0, 1024, 8192],
        decodeUs: [
          [5_000, 5_100, 5_900],
          [5_200, 5_900, 10_000],
          [6_000, 11_000, 40_000],
        ],
        prefillTokens: [1, 512, 8192],
        prefillUs: [5_000, 10_000, 160_000],
        perCachedPairUs: 0.001,
      }),
  ],
};
