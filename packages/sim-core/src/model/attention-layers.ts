import { ScenarioError } from "../errors.ts";
import type { AttentionKind, AttentionLayers, LatentAttention, SparseIndexer } from "./architecture.ts";
import type { ConfigReader } from "./config-reader.ts";
import type { LayerKind } from "./layer-kinds.ts";

/** A key of 128 FP8 numbers, and a four-byte scale for each 128 of them (vLLM 0.19, `DeepseekV32IndexerCache`). */
export const indexKeyBytes = (headDim: number) => headDim + (4 * headDim) / 128;

const GATED_TYPES = ["qwen3_next", "qwen3_5", "qwen3_5_text", "qwen3_5_moe", "qwen3_5_moe_text"];

function latentOf(read: ConfigReader): LatentAttention | undefined {
  if (read.optional("kv_lora_rank") === undefined) return undefined;
  return {
    queryRank: read.optional("q_lora_rank") ?? 0,
    kvRank: read.required("kv_lora_rank"),
    ropeHeadDim: read.required("qk_rope_head_dim"),
    nopeHeadDim: read.required("qk_nope_head_dim"),
    valueHeadDim: read.required("v_head_dim"),
  };
}

/** Full attention under the keys that most models use. */
function fullLayers(read: ConfigReader, modelType: string, layers: number): AttentionLayers {
  const heads = read.required("num_attention_heads");
  const headDim = read.optional("head_dim", "attention_head_dim") ?? Math.floor(read.required("hidden_size") / heads);
  const latent = latentOf(read);
  return {
    kind: "full",
    layers,
    spanTokens: Infinity,
    heads,
    kvHeads: read.optional("num_key_value_heads") ?? heads,
    headDim,
    valueHeadDim: read.optional("v_head_dim") ?? headDim,
    ...(latent === undefined ? {} : { latent }),
    outputGate:
      read.get("attn_output_gate", "attention_output_gate", "mla_use_output_gate") === true ||
      (GATED_TYPES.includes(modelType) && read.get("attn_output_gate") === undefined),
    valueProjection: true,
  };
}

/** What a layer of a kind has of its own beside full attention. */
function layersOfKind(read: ConfigReader, full: AttentionLayers, kind: AttentionKind, layers: number): AttentionLayers {
  if (kind === "chunked") return { ...full, kind, layers, spanTokens: read.required("attention_chunk_size") };
  if (kind === "sliding") {
    return {
      ...full,
      kind,
      layers,
      spanTokens: read.required("sliding_window"),
      heads: read.optional("swa_num_attention_heads") ?? full.heads,
      kvHeads: read.optional("swa_num_key_value_heads") ?? full.kvHeads,
      headDim: read.optional("swa_head_dim") ?? full.headDim,
      valueHeadDim: read.optional("swa_v_head_dim") ?? full.valueHeadDim,
    };
  }
  const headDim = read.optional("global_head_dim");
  const global = {
    kvHeads: read.optional("num_global_key_value_heads") ?? full.kvHeads,
    ...(headDim === undefined ? {} : { headDim, valueHeadDim: headDim }),
    ...(read.get("attention_k_eq_v") === true ? { valueProjection: false } : {}),
  };
  return { ...full, ...global, layers };
}

/** DeepSeek sparse attention: an indexer over the latent cache; layers marked `shared` use another's selection. */
function indexedLayers(read: ConfigReader, full: AttentionLayers): AttentionLayers[] {
  const headDim = read.required("index_head_dim");
  const heads = read.required("index_n_heads");
  const indexer = { heads, headDim, bytesPerToken: indexKeyBytes(headDim), tokensPerKey: 1 };
  const types = read.perLayer("indexer_types", full.layers);
  const sharing = types?.filter((type) => type === "shared").length ?? 0;
  const spanTokens = read.required("index_topk");
  const groups: AttentionLayers[] = [
    { ...full, kind: "sparse", layers: full.layers - sharing, spanTokens, indexer },
    { ...full, kind: "sparse", layers: sharing, spanTokens },
  ];
  return groups.filter(({ layers }) => layers > 0);
}

/**
 * MiniMax-M3: blocks of keys chosen by an indexer in the layers with a 1. What is cached for the indexer is not published
 * with the config: one BF16 key for each token (`assumed`).
 */
function blockSparseLayers(read: ConfigReader, full: AttentionLayers, sparse: ConfigReader): AttentionLayers[] {
  const flags = sparse.perLayer("sparse_attention_freq", full.layers) ?? [];
  const layers = flags.filter((flag) => flag === 1).length;
  const headDim = sparse.required("sparse_index_dim");
  const indexer: SparseIndexer = {
    heads: sparse.required("sparse_num_index_heads"),
    headDim,
    bytesPerToken: 2 * headDim,
    tokensPerKey: 1,
  };
  const spanTokens = sparse.required("sparse_topk_blocks") * sparse.required("sparse_block_size");
  if (layers === 0) throw new ScenarioError(`${read.name}: "sparse_attention_freq" names no sparse layer`);
  return [
    { ...full, layers: full.layers - layers },
    { ...full, kind: "sparse", layers, spanTokens, indexer },
  ];
}

/** The layers of attention among the decoder layers of these kinds, alike ones together. */
export function attentionLayersOf(
  read: ConfigReader,
  modelType: string,
  kinds: readonly LayerKind[],
): AttentionLayers[] {
  const count = (kind: LayerKind) => kinds.filter((other) => other === kind).length;
  const full = fullLayers(read, modelType, count("full"));
  const sparse = read.nested("sparse_attention_config");
  if (sparse?.get("use_sparse_attention") === true) return blockSparseLayers(read, full, sparse);
  if (read.optional("index_topk") !== undefined) return indexedLayers(read, full);
  return (["full", "sliding", "chunked"] as const)
    .filter((kind) => count(kind) > 0)
    .map((kind) => layersOfKind(read, full, kind, count(kind)));
}
