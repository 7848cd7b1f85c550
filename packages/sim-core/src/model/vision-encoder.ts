import { ConfigReader, type HuggingFaceConfig } from "./config-reader.ts";

/**
 * What encodes images before the language model: a transformer over patches, of which several become one embedding. The
 * names are those of `vision_config`, in camel case.
 */
export interface VisionEncoder {
  readonly layers: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly intermediateSize: number;
  readonly patchSize: number;
  /** Patches that become one embedding. */
  readonly patchesPerToken: number;
  /** Projectors of two matrices from the patches of a token to the language model: one, and one for each deep-stack layer. */
  readonly projectors: number;
}

/**
 * Bytes of an embedding: two for each number of the language model's width, and as many again for each deep-stack layer,
 * whose features go with it (vLLM 0.19, `model_executor/models/qwen3_vl.py`).
 */
export const embeddingBytesPerToken = (model: { readonly hiddenSize: number; readonly vision?: VisionEncoder }) =>
  2 * model.hiddenSize * (model.vision?.projectors ?? 1);

/**
 * The encoder that a config's `vision_config` tells of; undefined where it has none, or one of another kind. The keys are
 * those of Qwen3-VL, Kimi K2.5, Llama 4, Gemma 4 and LLaVA (Hugging Face `transformers` 4.57, `configuration_*.py`).
 */
export function visionEncoderOf(name: string, config: HuggingFaceConfig): VisionEncoder | undefined {
  const read = new ConfigReader(name, config).nested("vision_config");
  if (read === undefined) return undefined;
  const layers = read.optional("depth", "num_hidden_layers", "vt_num_hidden_layers");
  const hiddenSize = read.optional("hidden_size", "vt_hidden_size");
  const heads = read.optional("num_heads", "num_attention_heads", "vt_num_attention_heads");
  const intermediateSize = read.optional("intermediate_size", "vt_intermediate_size");
  const patchSize = read.optional("patch_size");
  if (!layers || !hiddenSize || !heads || !intermediateSize || !patchSize) return undefined;
  const deepStack = read.get("deepstack_visual_indexes");
  return {
    ...{ layers, hiddenSize, heads, intermediateSize, patchSize },
    patchesPerToken: patchesPerTokenOf(read),
    projectors: 1 + (Array.isArray(deepStack) ? deepStack.length : 0),
  };
}

function patchesPerTokenOf(read: ConfigReader): number {
  const merge = read.optional("spatial_merge_size", "pooling_kernel_size");
  if (merge) return merge * merge;
  const kernel = read.get("merge_kernel_size");
  if (Array.isArray(kernel)) return kernel.reduce<number>((product, side) => product * Number(side), 1);
  const ratio = read.get("pixel_shuffle_ratio");
  return typeof ratio === "number" && ratio > 0 ? Math.round(1 / (ratio * ratio)) : 1;
}

/** Weights of an encoder: its layers, the embedding of RGB patches, and its projectors to the language model. */
export function visionParameters(vision: VisionEncoder, hiddenSize: number): number {
  const { layers, hiddenSize: width, intermediateSize, patchSize, patchesPerToken, projectors } = vision;
  const merged = width * patchesPerToken;
  const layer = 4 * width * width + 2 * width * intermediateSize;
  return layers * layer + 3 * patchSize * patchSize * width + projectors * merged * (merged + hiddenSize);
}

/** Bytes of an encoder's weights; encoders stay in BF16 whatever the language model's weights are. */
export const visionWeightBytes = (vision: VisionEncoder, hiddenSize: number) =>
  2 * visionParameters(vision, hiddenSize);
