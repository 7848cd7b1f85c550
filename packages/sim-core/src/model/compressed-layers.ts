import { ScenarioError } from "../errors.ts";
import type { AttentionLayers } from "./architecture.ts";
import { indexKeyBytes } from "./attention-layers.ts";
import type { ConfigReader } from "./config-reader.ts";

/** `compress_ratios` with kernels and caches in vLLM 0.22.1 (`vllm/v1/attention/backends/mla/sparse_swa.py`). */
const KNOWN_RATIOS: readonly unknown[] = [0, 4, 128];

/** Rows of so few tokens are made of two runs and picked by an indexer (`DeepseekCompressor.overlap`, `DeepseekV4Indexer`). */
const PICKED_RATIO = 4;

/** Layers of one entry of `compress_ratios`: a window alone under 0, else a window and rows. */
function layersOfRatio(read: ConfigReader, tokensPerRow: number, layers: number): AttentionLayers {
  const headDim = read.required("head_dim");
  const latent = {
    queryRank: read.required("q_lora_rank"),
    ropeHeadDim: read.required("qk_rope_head_dim"),
    outputGroups: read.required("o_groups"),
    outputRank: read.required("o_lora_rank"),
  };
  const common = {
    layers,
    spanTokens: read.required("sliding_window"),
    heads: read.required("num_attention_heads"),
    kvHeads: 1,
    headDim,
    valueHeadDim: headDim,
    outputGate: false,
    valueProjection: false,
  };
  if (tokensPerRow === 0) return { kind: "sliding", ...common, sharedLatent: latent };
  if (tokensPerRow !== PICKED_RATIO) {
    const rows = { tokensPerRow, runsPerRow: 1, selectedRows: Infinity } as const;
    return { kind: "compressed", ...common, sharedLatent: { ...latent, rows } };
  }
  const rows = { tokensPerRow, runsPerRow: 2, selectedRows: read.required("index_topk") } as const;
  const keyDim = read.required("index_head_dim");
  const indexer = {
    heads: read.required("index_n_heads"),
    headDim: keyDim,
    bytesPerToken: indexKeyBytes(keyDim) / tokensPerRow,
    tokensPerKey: tokensPerRow,
  };
  return { kind: "compressed", ...common, sharedLatent: { ...latent, rows }, indexer };
}

/** Attention of a model with `compress_ratios`, and that of its layer that drafts. */
export interface CompressedAttention {
  readonly attention: readonly AttentionLayers[];
  readonly draftAttention: AttentionLayers;
}

/**
 * DeepSeek-V4: each layer by its entry of `compress_ratios`, alike ones together. The layer that drafts has a window alone,
 * listed or not (vLLM 0.22.1, `DeepseekV4Attention`).
 *
 * @throws ScenarioError on a ratio that is not known
 */
export function compressedAttention(read: ConfigReader, layers: number): CompressedAttention {
  const ratios = read.perLayer("compress_ratios", layers);
  if (ratios === undefined) throw new ScenarioError(`${read.name}: config.json "compress_ratios" is missing`);
  const odd = ratios.find((ratio) => !KNOWN_RATIOS.includes(ratio));
  if (odd !== undefined) {
    throw new ScenarioError(
      `${read.name}: config.json "compress_ratios" has ${JSON.stringify(odd)}, allowed: ${KNOWN_RATIOS.join(", ")}`,
    );
  }
  const counts = new Map<number, number>();
  for (const ratio of ratios as readonly number[]) counts.set(ratio, (counts.get(ratio) ?? 0) + 1);
  return {
    attention: [...counts].map(([ratio, count]) => layersOfRatio(read, ratio, count)),
    draftAttention: layersOfRatio(read, 0, 1),
  };
}
