import { ScenarioError } from "../errors.ts";
import type { AttentionLayers, DenseLayers, StateLayers } from "./architecture.ts";
import { attentionLayersOf } from "./attention-layers.ts";
import { compressedAttention } from "./compressed-layers.ts";
import type { ConfigReader } from "./config-reader.ts";
import { type LayerKind, layerKinds } from "./layer-kinds.ts";
import { expertLayersOf, type NetworkLayers, networkLayersOf } from "./network-layers.ts";
import { deltaNetLayers, kimiDeltaLayers, mambaLayers } from "./state-layers.ts";

/** The layers of a model, alike ones together. */
export interface ModelLayers extends NetworkLayers {
  readonly layers: number;
  readonly attention: readonly AttentionLayers[];
  readonly draftAttention?: AttentionLayers;
  readonly residualStreams?: number;
  readonly states: readonly StateLayers[];
}

/** Mixer and network in every decoder layer. */
function usualLayers(read: ConfigReader, modelType: string): ModelLayers {
  const layers = read.required("num_hidden_layers");
  const kinds = layerKinds(read, modelType, layers);
  const linear = kinds.filter((kind) => kind === "linear").length;
  return {
    layers,
    attention: attentionLayersOf(read, modelType, kinds),
    states: linear === 0 ? [] : [deltaNetLayers(read, linear)],
    ...networkLayersOf(read, modelType, layers),
  };
}

const NEMOTRON_BLOCKS: Readonly<Record<string, string>> = { M: "mamba", "*": "attention", E: "moe", "-": "mlp" };

/** Nemotron-H: each layer is one thing, a mixer or a network; networks have no gate. */
function nemotronHybridLayers(read: ConfigReader, modelType: string): ModelLayers {
  const listed = read.get("layers_block_type", "hybrid_override_pattern");
  const blocks = typeof listed === "string" ? [...listed].map((letter) => NEMOTRON_BLOCKS[letter] ?? letter) : listed;
  if (!Array.isArray(blocks) || blocks.length === 0) {
    throw new ScenarioError(`${read.name}: config.json "layers_block_type" or "hybrid_override_pattern" is missing`);
  }
  const known = Object.values(NEMOTRON_BLOCKS);
  const odd = blocks.find((block) => !known.includes(block));
  if (odd !== undefined) {
    throw new ScenarioError(`${read.name}: layer kind "${String(odd)}" is missing; known: ${known.join(", ")}`);
  }
  const count = (name: string) => blocks.filter((block) => block === name).length;
  const kinds = Array.from<LayerKind>({ length: count("attention") }).fill("full");
  const dense: DenseLayers = {
    layers: count("mlp"),
    intermediateSize: read.required("intermediate_size"),
    matrices: 2,
  };
  const mamba = count("mamba");
  return {
    layers: blocks.length,
    attention: kinds.length === 0 ? [] : attentionLayersOf(read, modelType, kinds),
    states: mamba === 0 ? [] : [mambaLayers(read, mamba)],
    dense: dense.layers === 0 ? [] : [dense],
    ...(count("moe") === 0 ? {} : { moe: expertLayersOf(read, modelType, count("moe"), 2) }),
  };
}

/** Kimi Linear: delta attention in the listed layers, latent attention in the others. */
function kimiLinearLayers(read: ConfigReader, modelType: string): ModelLayers {
  const layers = read.required("num_hidden_layers");
  const linear = read.nested("linear_attn_config");
  const full = linear?.get("full_attn_layers");
  if (linear === undefined || !Array.isArray(full)) {
    throw new ScenarioError(`${read.name}: config.json "linear_attn_config" with "full_attn_layers" is missing`);
  }
  const kinds = Array.from<LayerKind>({ length: full.length }).fill("full");
  return {
    layers,
    attention: attentionLayersOf(read, modelType, kinds),
    states: [kimiDeltaLayers(linear, layers - full.length)],
    ...networkLayersOf(read, modelType, layers),
  };
}

/**
 * DeepSeek-V4: attention over windows and compressed rows, experts in every layer, hyper-connections. The first
 * `num_hash_layers` look their experts up by token and weigh them by the gate's scores all the same (DeepSeek-V4,
 * `inference/model.py`, `Gate`): they cost what the others cost.
 */
function compressedLayers(read: ConfigReader, modelType: string): ModelLayers {
  const layers = read.required("num_hidden_layers");
  return {
    layers,
    ...compressedAttention(read, layers),
    states: [],
    residualStreams: read.required("hc_mult"),
    ...networkLayersOf(read, modelType, layers),
  };
}

/** The gated width that a multiplier of Nemotron-NAS stands for: 2/3 of it, up to a multiple of 256. */
const widthOfMultiplier = (multiplier: number, hiddenSize: number) =>
  Math.ceil(Math.floor((2 * multiplier * hiddenSize) / 3) / 256) * 256;

/** Nemotron-NAS: each layer has its own width, and some no attention. */
function searchedLayers(read: ConfigReader): ModelLayers {
  const blocks = read.get("block_configs");
  if (!Array.isArray(blocks)) throw new ScenarioError(`${read.name}: config.json "block_configs" is missing`);
  const hiddenSize = read.required("hidden_size");
  const heads = read.required("num_attention_heads");
  const headDim = read.optional("head_dim") ?? hiddenSize / heads;
  const attention = new Map<number, number>();
  const networks = new Map<number, number>();
  for (const { attention: mixer, ffn } of blocks) {
    if (mixer?.replace_with_linear || ffn?.replace_with_linear || mixer?.window_length) {
      throw new ScenarioError(`${read.name}: blocks replaced with a linear layer or given a window are missing`);
    }
    if (mixer?.no_op !== true) {
      const kvHeads = heads / mixer.n_heads_in_group;
      attention.set(kvHeads, (attention.get(kvHeads) ?? 0) + 1);
    }
    if (ffn?.no_op !== true) {
      const width = widthOfMultiplier(ffn.ffn_mult, hiddenSize);
      networks.set(width, (networks.get(width) ?? 0) + 1);
    }
  }
  const common = { kind: "full", spanTokens: Infinity, heads, headDim, valueHeadDim: headDim } as const;
  return {
    layers: blocks.length,
    attention: [...attention].map(([kvHeads, layers]) => ({
      ...common,
      ...{ kvHeads, layers, outputGate: false, valueProjection: true },
    })),
    states: [],
    dense: [...networks].map(([intermediateSize, layers]) => ({ layers, intermediateSize, matrices: 3 })),
  };
}

/** The layers of a config of a supported type. */
export function modelLayers(read: ConfigReader, modelType: string): ModelLayers {
  if ((read.optional("hidden_size_per_layer_input") ?? 0) > 0 || (read.optional("num_kv_shared_layers") ?? 0) > 0) {
    throw new ScenarioError(
      `${read.name}: model_type "${modelType}" is not supported here, missing: per-layer embeddings and layers that share another's KV cache`,
    );
  }
  switch (modelType) {
    case "nemotron_h":
      return nemotronHybridLayers(read, modelType);
    case "kimi_k3":
    case "kimi_linear":
      return kimiLinearLayers(read, modelType);
    case "deepseek_v4":
    case "deepseek_ref":
      return compressedLayers(read, modelType);
    case "nemotron-nas":
      return searchedLayers(read);
    default:
      return usualLayers(read, modelType);
  }
}
