import type { AttentionLayers, ModelArchitecture, StateLayers, WeightFormat } from "./architecture.ts";
import { sharedLatentPlain, sharedLatentWeights } from "./shared-latent-weights.ts";

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

/** Format of the projections of attention and state layers. */
export const attentionFormat = (model: ModelArchitecture) => model.attentionWeightFormat ?? model.weightFormat;

/** Format of dense networks and shared experts. */
export const networkFormat = (model: ModelArchitecture) => model.networkWeightFormat ?? model.weightFormat;

/** Parameters by what they are stored as. */
export interface ParameterCount {
  /** Weights of linear layers: stored in a weight format. */
  readonly linear: number;
  /** Of `linear`: projections of attention and state layers. */
  readonly attention: number;
  /** Of `linear`: dense networks, shared experts, and the projections around experts that work on a latent. */
  readonly network: number;
  /** Of `linear`: routed experts. */
  readonly routed: number;
  /** Embeddings, output head, norms, biases, expert routers, compressors and hyper-connections: two bytes each. */
  readonly plain: number;
  readonly total: number;
  /** Parameters that one token passes through: its experts only, and no input embedding. */
  readonly activePerToken: number;
}

/** Weights of one layer's attention projections, its indexer's included. */
function attentionWeights(layer: AttentionLayers, hiddenSize: number): number {
  const { heads, kvHeads, headDim, valueHeadDim, latent: mla, sharedLatent, indexer } = layer;
  if (sharedLatent !== undefined) return sharedLatentWeights(layer, sharedLatent, hiddenSize);
  if (mla === undefined) {
    const queries = heads * headDim * (layer.outputGate ? 2 : 1);
    const values = layer.valueProjection ? kvHeads * valueHeadDim : 0;
    const index = indexer === undefined ? 0 : (indexer.heads + 1) * indexer.headDim;
    return hiddenSize * (queries + kvHeads * headDim + values + heads * valueHeadDim + index);
  }
  const queryDim = heads * (mla.nopeHeadDim + mla.ropeHeadDim);
  const query = mla.queryRank > 0 ? mla.queryRank * (hiddenSize + queryDim) : hiddenSize * queryDim;
  const keyValue =
    hiddenSize * (mla.kvRank + mla.ropeHeadDim) + mla.kvRank * heads * (mla.nopeHeadDim + mla.valueHeadDim);
  const gate = layer.outputGate ? hiddenSize * heads * mla.valueHeadDim : 0;
  const index =
    indexer === undefined
      ? 0
      : mla.queryRank * indexer.heads * indexer.headDim + hiddenSize * (indexer.headDim + indexer.heads);
  return query + keyValue + heads * mla.valueHeadDim * hiddenSize + gate + index;
}

function stateWeights(layer: StateLayers, hiddenSize: number): number {
  return hiddenSize * (layer.projectedWidth + layer.heads * layer.valueDim);
}

function attentionExtras(layer: AttentionLayers, model: ModelArchitecture): number {
  const { heads, kvHeads, headDim, latent: mla, sharedLatent } = layer;
  if (sharedLatent !== undefined) return sharedLatentPlain(layer, sharedLatent, model.hiddenSize);
  if (mla !== undefined) return mla.queryRank + mla.kvRank;
  const bias = model.attentionBias ? headDim * (heads + 2 * kvHeads) : 0;
  return bias + (model.queryKeyNorm ? 2 * headDim : 0);
}

/**
 * Hyper-connections of m streams: m inputs, m outputs and m x m mixtures from all streams, with as many biases and three
 * scales, before each half of a layer; m weights before the output head (DeepSeek-V4, `inference/model.py`, `Block`).
 */
function hyperConnections({ layers, hiddenSize, residualStreams: streams = 1 }: ModelArchitecture): number {
  if (streams === 1) return 0;
  const mixtures = (streams + 2) * streams;
  const each = mixtures * (streams * hiddenSize + 1) + 3;
  return 2 * layers * each + streams * (streams * hiddenSize + 1) + 1;
}

const sumOver = <T extends { readonly layers: number }>(groups: readonly T[], each: (group: T) => number) =>
  groups.reduce((sum, group) => sum + group.layers * each(group), 0);

/** Parameters of the model as published, without vision or audio encoders and draft layers for speculative decoding. */
export function countParameters(model: ModelArchitecture): ParameterCount {
  const { hiddenSize, vocabSize, moe } = model;
  const expertLayers = moe?.layers ?? 0;
  const expert = moe === undefined ? 0 : moe.matrices * moe.width * moe.intermediateSize;
  const aroundExperts = moe === undefined || moe.width === hiddenSize ? 0 : 2 * hiddenSize * moe.width;
  const shared = moe === undefined ? 0 : moe.matrices * hiddenSize * moe.sharedIntermediateSize;
  const attention =
    sumOver(model.attention, (layer) => attentionWeights(layer, hiddenSize)) +
    sumOver(model.states, (layer) => stateWeights(layer, hiddenSize));
  const network =
    sumOver(model.dense, ({ matrices, intermediateSize }) => matrices * hiddenSize * intermediateSize) +
    expertLayers * (shared + aroundExperts);
  const routed = expertLayers * (moe?.experts ?? 0) * expert;
  const router = expertLayers * hiddenSize * (moe?.experts ?? 0);
  const each = () => 1;
  const parts = sumOver(model.attention, each) + sumOver(model.states, each) + sumOver(model.dense, each);
  const extras = sumOver(model.attention, (layer) => attentionExtras(layer, model));
  const convolutions = sumOver(model.states, (layer) => layer.convKernel * layer.convChannels);
  const norms = (parts + expertLayers + 1) * hiddenSize + extras + convolutions + hyperConnections(model);
  const embedding = vocabSize * hiddenSize;
  const linear = attention + network + routed;
  const plain = norms + router + embedding * (model.tieWordEmbeddings ? 1 : 2);
  const active = linear - routed + expertLayers * (moe?.topK ?? 0) * expert;
  const activePerToken = active + norms + router + embedding;
  return { linear, attention, network, routed, plain, total: linear + plain, activePerToken };
}

/** Bytes of weights over all devices. */
export interface WeightBytes {
  readonly linear: number;
  /** Of `linear`: routed experts. */
  readonly routed: number;
  readonly plain: number;
}

/** Bytes of weights by how they are divided over devices. */
export function weightBytesByPart(model: ModelArchitecture): WeightBytes {
  const { attention, network, routed, plain } = countParameters(model);
  const routedBytes = routed * WEIGHT_BYTES[model.weightFormat];
  const linear =
    attention * WEIGHT_BYTES[attentionFormat(model)] + network * WEIGHT_BYTES[networkFormat(model)] + routedBytes;
  return { linear, routed: routedBytes, plain: plain * 2 };
}

/** Bytes of all weights, over all devices. */
export function weightBytes(model: ModelArchitecture): number {
  const { linear, plain } = weightBytesByPart(model);
  return linear + plain;
}

/** The model with its linear layers in one format, as an engine's `--quantization` makes it; as it is where it has that. */
export function inWeightFormat(model: ModelArchitecture, format: WeightFormat): ModelArchitecture {
  if (format === model.weightFormat) return model;
  const { attentionWeightFormat: _attention, networkWeightFormat: _network, ...rest } = model;
  return { ...rest, weightFormat: format };
}
