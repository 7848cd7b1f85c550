import { didYouMean, ScenarioError } from "../errors.ts";

/** The `model_type`s whose every layer the simulator models. */
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
];

const HYBRID = "linear-attention layers (gated delta net)";
const VISION = "a vision encoder";
const SPARSE = "sparse-attention layers (indexer over the MLA cache)";
const MAMBA = "Mamba-2 layers";
const WINDOWS = "sliding-window layers between full-attention ones";

/** What a known type has that the simulator does not model. */
const MISSING_LAYERS: Readonly<Record<string, string>> = {
  gpt_oss: `${WINDOWS}, attention sinks`,
  gemma2: WINDOWS,
  gemma3: WINDOWS,
  gemma3_text: WINDOWS,
  gemma4: `${WINDOWS}, ${VISION}`,
  gemma4_text: WINDOWS,
  qwen3_next: HYBRID,
  qwen3_5: `${HYBRID}, ${VISION}`,
  qwen3_5_text: HYBRID,
  qwen3_5_moe: `${HYBRID}, ${VISION}`,
  qwen3_5_moe_text: HYBRID,
  qwen3_vl: VISION,
  qwen3_vl_moe: VISION,
  kimi_k25: VISION,
  kimi_k3: "linear-attention layers (KDA)",
  kimi_linear: "linear-attention layers (KDA)",
  deepseek_v32: SPARSE,
  deepseek_v4: "compressed sparse-attention layers",
  deepseek_ref: "compressed sparse-attention layers",
  glm_moe_dsa: SPARSE,
  llama4: "chunked-attention layers",
  llama4_text: "chunked-attention layers",
  mimo: "multi-token-prediction layers",
  mimo_v2_flash: WINDOWS,
  minimax_m2: "MiniMax MoE layers with partial rotary attention",
  minimax_m3: "MiniMax sparse-attention layers",
  minimax_m3_vl: `MiniMax sparse-attention layers, ${VISION}`,
  nemotron_h: MAMBA,
  "nemotron-nas": "layers of unlike widths and layers without attention",
  step3p7: WINDOWS,
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
