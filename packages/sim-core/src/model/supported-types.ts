import { didYouMean, ScenarioError } from "../errors.ts";

/** The `model_type`s whose every layer the simulator models; of those that also see or hear, the text model. */
export const SUPPORTED_MODEL_TYPES: readonly string[] = [
  "llama",
  "mistral",
  "qwen2",
  "qwen3",
  "qwen3_moe",
  "mixtral",
  "deepseek_v2",
  "deepseek_v3",
  "kimi_k2",
  "deepseek_v32",
  "deepseek_v4",
  "deepseek_ref",
  "gemma2",
  "gemma3",
  "gemma3_text",
  "gemma4",
  "gemma4_text",
  "glm_moe_dsa",
  "gpt_oss",
  "kimi_k25",
  "kimi_k3",
  "kimi_linear",
  "llama4",
  "llama4_text",
  "mimo",
  "mimo_v2_flash",
  "minimax_m2",
  "minimax_m3",
  "minimax_m3_vl",
  "nemotron-nas",
  "nemotron_h",
  "qwen3_5",
  "qwen3_5_moe",
  "qwen3_5_moe_text",
  "qwen3_5_text",
  "qwen3_next",
  "qwen3_vl",
  "qwen3_vl_moe",
  "step3p7",
];

/** What a known type has that the simulator does not model. */
const MISSING_LAYERS: Readonly<Record<string, string>> = {
  gemma3n: "per-layer embeddings and layers that share another's KV cache",
  jamba: "Mamba-1 layers",
  mamba: "Mamba-1 layers",
  minimax_text_01: "lightning-attention layers",
  phimoe: "sparse-mixer routing",
  rwkv: "RWKV time-mixing layers",
  t5: "encoder layers with cross-attention",
  whisper: "encoder layers with cross-attention",
};

/**
 * Refuses a model type that is not modelled, and says which kind of layer is missing.
 *
 * @throws ScenarioError
 */
export function requireSupportedType(name: string, modelType: unknown): string {
  if (typeof modelType === "string" && SUPPORTED_MODEL_TYPES.includes(modelType)) return modelType;
  const supported = `supported: ${SUPPORTED_MODEL_TYPES.join(", ")}`;
  if (typeof modelType !== "string") throw new ScenarioError(`${name}: config.json has no "model_type"; ${supported}`);
  const missing = MISSING_LAYERS[modelType];
  const reason =
    missing === undefined
      ? `its layers are not known${didYouMean(modelType, SUPPORTED_MODEL_TYPES)}`
      : `missing: ${missing}`;
  throw new ScenarioError(`${name}: model_type "${modelType}" is not supported, ${reason}; ${supported}`);
}
