import type { ModelArchitecture, WeightFormat } from "./architecture.ts";

const SCALE_BLOCK = 128 * 128;

/**
 * Bytes of one weight, scales included: a 4-byte scale for a 128x128 block of `fp8_block`, one byte for 16 values of
 * `nvfp4`, one for 32 of `mxfp4`, two for 128 of `int4`.
 */
export const WEIGHT_BYTES: Readonly<Record<WeightFormat, number>> = {
  bfloat16: 2,
  fp8: 1,
  fp8_block: 1 + 4 / SCALE_BLOCK,
  nvfp4: 0.5 + 1 / 16,
  mxfp4: 0.5 + 1 / 32,
  int8: 1,
  int4: 0.5 + 2 / 128,
};

/** Parameters by what they are stored as. */
export interface ParameterCount {
  /** Weights of linear layers: stored in the checkpoint's weight format. */
  readonly linear: number;
  /** Embeddings, output head, norms, biases and expert routers: two bytes each. */
  readonly plain: number;
  readonly total: number;
  /** Parameters that one token passes through: its experts only, and no input embedding. */
  readonly activePerToken: number;
}

/** Weights of one layer's attention projections. */
function attentionWeights(model: ModelArchitecture): number {
  const { hiddenSize, heads, kvHeads, headDim, latentAttention: mla } = model;
  if (mla === undefined) return hiddenSize * headDim * (2 * heads + 2 * kvHeads);
  const queryDim = heads * (mla.nopeHeadDim + mla.ropeHeadDim);
  const query = mla.queryRank > 0 ? mla.queryRank * (hiddenSize + queryDim) : hiddenSize * queryDim;
  const keyValue =
    hiddenSize * (mla.kvRank + mla.ropeHeadDim) + mla.kvRank * heads * (mla.nopeHeadDim + mla.valueHeadDim);
  return query + keyValue + heads * mla.valueHeadDim * hiddenSize;
}

function attentionExtras(model: ModelArchitecture): number {
  const { heads, kvHeads, headDim, latentAttention: mla } = model;
  if (mla !== undefined) return mla.queryRank + mla.kvRank;
  const bias = model.attentionBias ? headDim * (heads + 2 * kvHeads) : 0;
  return bias + (model.queryKeyNorm ? 2 * headDim : 0);
}

/** Parameters of the model as published, without draft layers for speculative decoding. */
export function countParameters(model: ModelArchitecture): ParameterCount {
  const { layers, hiddenSize, vocabSize, moe } = model;
  const expertLayers = moe === undefined ? 0 : layers - moe.denseLayers;
  const expert = 3 * hiddenSize * (moe?.intermediateSize ?? 0);
  const dense = (layers - expertLayers) * 3 * hiddenSize * model.intermediateSize;
  const attention = layers * attentionWeights(model);
  const shared = expertLayers * (moe?.sharedExperts ?? 0) * expert;
  const routed = expertLayers * (moe?.experts ?? 0) * expert;
  const router = expertLayers * hiddenSize * (moe?.experts ?? 0);
  const norms = (2 * layers + 1) * hiddenSize + layers * attentionExtras(model);
  const embedding = vocabSize * hiddenSize;
  const linear = attention + dense + shared + routed;
  const plain = norms + router + embedding * (model.tieWordEmbeddings ? 1 : 2);
  const active = linear - routed + expertLayers * (moe?.topK ?? 0) * expert;
  return { linear, plain, total: linear + plain, activePerToken: active + norms + router + embedding };
}

/** Bytes of all weights, over all devices. */
export function weightBytes(model: ModelArchitecture): number {
  const { linear, plain } = countParameters(model);
  return linear * WEIGHT_BYTES[model.weightFormat] + plain * 2;
}
