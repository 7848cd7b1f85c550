import { ScenarioError } from "../errors.ts";
import type { ExpertLayers, LatentAttention, ModelArchitecture } from "./architecture.ts";
import { checkpointKvFormatOf, weightFormatOf } from "./quantization.ts";
import { requireSupportedType } from "./supported-types.ts";

/** A parsed Hugging Face `config.json`. */
export type HuggingFaceConfig = Readonly<Record<string, unknown>>;

/** Reads whole numbers of a config, each under its first key that is present. */
class ConfigReader {
  readonly #name: string;
  readonly #config: HuggingFaceConfig;

  constructor(name: string, config: HuggingFaceConfig) {
    this.#name = name;
    this.#config = config;
  }

  get(key: string): unknown {
    return this.#config[key];
  }

  optional(...keys: string[]): number | undefined {
    const key = keys.find((candidate) => this.#config[candidate] !== undefined && this.#config[candidate] !== null);
    if (key === undefined) return undefined;
    const value = this.#config[key];
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    throw new ScenarioError(
      `${this.#name}: config.json "${key}" is ${JSON.stringify(value)}, allowed: a whole number of 0 or more`,
    );
  }

  required(...keys: string[]): number {
    const value = this.optional(...keys);
    if (value !== undefined && value > 0) return value;
    const found = value === undefined ? "is missing" : "is 0";
    throw new ScenarioError(`${this.#name}: config.json "${keys.join('" or "')}" ${found}, allowed: a number above 0`);
  }
}

function latentAttentionOf(read: ConfigReader): LatentAttention | undefined {
  if (read.optional("kv_lora_rank") === undefined) return undefined;
  return {
    queryRank: read.optional("q_lora_rank") ?? 0,
    kvRank: read.required("kv_lora_rank"),
    ropeHeadDim: read.required("qk_rope_head_dim"),
    nopeHeadDim: read.required("qk_nope_head_dim"),
    valueHeadDim: read.required("v_head_dim"),
  };
}

function expertLayersOf(read: ConfigReader, layers: number): ExpertLayers | undefined {
  const experts = read.optional("num_experts", "n_routed_experts", "num_local_experts") ?? 0;
  if (experts === 0) return undefined;
  const first = read.optional("first_k_dense_replace") ?? 0;
  const frequency = read.optional("moe_layer_freq") ?? 1;
  const sparseStep = read.optional("decoder_sparse_step") ?? 1;
  const listed = read.get("mlp_only_layers");
  const denseOnly = new Set(Array.isArray(listed) ? listed : []);
  let denseLayers = 0;
  for (let layer = 0; layer < layers; layer++) {
    const sparse = layer >= first && layer % frequency === 0 && (layer + 1) % sparseStep === 0 && !denseOnly.has(layer);
    if (!sparse) denseLayers += 1;
  }
  return {
    experts,
    topK: read.required("num_experts_per_tok"),
    sharedExperts: read.optional("n_shared_experts") ?? 0,
    intermediateSize: read.required("moe_intermediate_size", "intermediate_size"),
    denseLayers,
  };
}

/** `use_sliding_window: false` beats `sliding_window`; a window as long as the model is none. */
function slidingWindowOf(name: string, read: ConfigReader, layers: number, maxPositions: number): number {
  const window = read.optional("sliding_window") ?? 0;
  if (read.get("use_sliding_window") === false || window === 0 || window >= maxPositions) return 0;
  const fullLayers = read.get("use_sliding_window") === true ? (read.optional("max_window_layers") ?? 0) : 0;
  if (fullLayers >= layers) return 0;
  if (fullLayers > 0) {
    throw new ScenarioError(
      `${name}: config.json mixes ${fullLayers} full-attention layers with sliding-window layers, which is not supported`,
    );
  }
  return window;
}

/**
 * The architecture of a Hugging Face `config.json`.
 *
 * @param name what messages call it: a model id or a file
 * @param hfQuantConfig the `hf_quant_config.json` beside it, where there is one
 * @throws ScenarioError on a `model_type` or a value that is not supported
 */
export function importHuggingFaceConfig(
  name: string,
  config: HuggingFaceConfig,
  hfQuantConfig?: HuggingFaceConfig,
): ModelArchitecture {
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    throw new ScenarioError(`${name}: config.json holds ${JSON.stringify(config)?.slice(0, 40)}, allowed: an object`);
  }
  const modelType = requireSupportedType(name, config.model_type ?? nestedText(config)?.model_type);
  const text = nestedText(config) ?? config;
  const read = new ConfigReader(name, text);
  const layers = read.required("num_hidden_layers");
  const hiddenSize = read.required("hidden_size");
  const heads = read.required("num_attention_heads");
  const maxPositionEmbeddings = read.required("max_position_embeddings");
  const latentAttention = latentAttentionOf(read);
  const moe = expertLayersOf(read, layers);
  return {
    name,
    modelType,
    layers,
    hiddenSize,
    heads,
    kvHeads: read.optional("num_key_value_heads") ?? heads,
    headDim: read.optional("head_dim") ?? Math.floor(hiddenSize / heads),
    ...(latentAttention === undefined ? {} : { latentAttention }),
    intermediateSize: read.required("intermediate_size", "moe_intermediate_size"),
    ...(moe === undefined ? {} : { moe }),
    vocabSize: read.required("vocab_size"),
    tieWordEmbeddings: text.tie_word_embeddings === true,
    attentionBias: modelType === "qwen2" || text.attention_bias === true,
    queryKeyNorm: modelType === "qwen3" || modelType === "qwen3_moe",
    maxPositionEmbeddings,
    slidingWindowTokens: slidingWindowOf(name, read, layers, maxPositionEmbeddings),
    weightFormat: weightFormatOf(name, text.quantization_config === undefined ? config : text, hfQuantConfig),
    checkpointKvFormat: checkpointKvFormatOf(config, hfQuantConfig),
  };
}

function nestedText(config: HuggingFaceConfig): HuggingFaceConfig | undefined {
  const nested = config.text_config;
  return typeof nested === "object" && nested !== null ? (nested as HuggingFaceConfig) : undefined;
}
