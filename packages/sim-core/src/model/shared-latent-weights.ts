import type { AttentionLayers, SharedLatent } from "./architecture.ts";

/**
 * Weights of one layer over a shared latent that are stored in the attention's format: queries down and up, the latent, the
 * outputs of each group of heads down and all of them up, and the indexer's queries (vLLM 0.22.1,
 * `vllm/models/deepseek_v4/attention.py`).
 */
export function sharedLatentWeights(layer: AttentionLayers, shared: SharedLatent, hiddenSize: number): number {
  const { heads, headDim, indexer } = layer;
  const { queryRank, outputGroups, outputRank } = shared;
  const query = queryRank * (hiddenSize + heads * headDim);
  const output = outputRank * (heads * headDim + outputGroups * hiddenSize);
  const index = indexer === undefined ? 0 : queryRank * indexer.heads * indexer.headDim;
  return query + hiddenSize * headDim + output + index;
}

/**
 * Widths of what one layer makes of a token in BF16: the latent to be compressed and its scores, for each run that a row is
 * made of; the same of the indexer's keys; the weights of the indexer's heads (same file, and `compressor.py` beside it).
 */
export function compressorWidth({ headDim, indexer }: AttentionLayers, { rows }: SharedLatent): number {
  if (rows === undefined) return 0;
  return 2 * rows.runsPerRow * (headDim + (indexer?.headDim ?? 0)) + (indexer?.heads ?? 0);
}

/** What one layer over a shared latent stores outside its weight format: compressors, norms, positions and sinks. */
export function sharedLatentPlain(layer: AttentionLayers, shared: SharedLatent, hiddenSize: number): number {
  const { heads, headDim, indexer } = layer;
  const { queryRank, rows } = shared;
  const compressed = headDim + (indexer?.headDim ?? 0);
  const positions = rows === undefined ? 0 : compressed * (rows.tokensPerRow * rows.runsPerRow + 1);
  return hiddenSize * compressorWidth(layer, shared) + positions + queryRank + headDim + heads;
}
