import type { AttentionLayers, KvFormat, ModelArchitecture, StateLayers } from "./architecture.ts";

/** Bytes of one cached number. */
export const KV_BYTES: Readonly<Record<KvFormat, number>> = { bfloat16: 2, fp8: 1 };

/**
 * Bytes of a sparse layer's latent under an FP8 cache: 512 FP8 numbers, four scales, and the rotary part in BF16
 * (vLLM 0.19, KV format `fp8_ds_mla`).
 */
function sparseLatentFp8Bytes(kvRank: number, ropeHeadDim: number): number {
  return kvRank + (4 * kvRank) / 128 + 2 * ropeHeadDim;
}

/**
 * Bytes that a token takes in one layer's cache on one device, while the layer keeps it.
 *
 * With tensor parallelism above the number of KV heads the heads are replicated. A latent (MLA) and the key of an indexer
 * are whole on every device.
 */
function layerKvBytesPerToken(layer: AttentionLayers, tensorParallel: number, format: KvFormat): number {
  const { latent } = layer;
  const index = layer.indexer?.bytesPerToken ?? 0;
  if (latent === undefined) {
    const numbers = Math.max(1, layer.kvHeads / tensorParallel) * (layer.headDim + layer.valueHeadDim);
    return numbers * KV_BYTES[format] + index;
  }
  if (layer.kind === "sparse" && format === "fp8") {
    return sparseLatentFp8Bytes(latent.kvRank, latent.ropeHeadDim) + index;
  }
  return (latent.kvRank + latent.ropeHeadDim) * KV_BYTES[format] + index;
}

/** Whether a layer's cache grows with the whole context: a window or chunk is let go behind it. */
function keepsWholeContext(layer: AttentionLayers): boolean {
  return layer.kind === "full" || layer.kind === "sparse";
}

/** Bytes that each further token of a long context takes in the KV cache of one device. */
export function kvBytesPerTokenPerGpu(model: ModelArchitecture, tensorParallel: number, format: KvFormat): number {
  return model.attention
    .filter(keepsWholeContext)
    .reduce((sum, layer) => sum + layer.layers * layerKvBytesPerToken(layer, tensorParallel, format), 0);
}

/** Bytes of one layer's state and of the last inputs of its convolution, for one sequence, over all devices. */
export function layerStateBytes(layer: StateLayers): number {
  const state = layer.heads * layer.keyDim * layer.valueDim * layer.stateNumberBytes;
  return state + (layer.convKernel - 1) * layer.convChannels * 2;
}

/** Bytes that a sequence takes on one device whatever its length: the states of its linear and state-space layers. */
export function stateBytesPerSequencePerGpu(model: ModelArchitecture, tensorParallel: number): number {
  return model.states.reduce((sum, layer) => sum + layer.layers * layerStateBytes(layer), 0) / tensorParallel;
}

/**
 * Bytes that a sequence of so many tokens takes on one device: whole contexts, windows (chunks: the whole of one) as far
 * as they are filled, and states.
 */
export function sequenceBytesPerGpu(
  model: ModelArchitecture,
  tensorParallel: number,
  format: KvFormat,
  contextTokens: number,
): number {
  const cached = model.attention.reduce((sum, layer) => {
    const kept = keepsWholeContext(layer) ? contextTokens : Math.min(contextTokens, layer.spanTokens);
    return sum + layer.layers * kept * layerKvBytesPerToken(layer, tensorParallel, format);
  }, 0);
  return cached + stateBytesPerSequencePerGpu(model, tensorParallel);
}

/** Whether a sequence's bytes are other than a constant for each token. */
export function hasUnlikeCaches(model: ModelArchitecture): boolean {
  return model.states.length > 0 || model.attention.some((layer) => !keepsWholeContext(layer));
}
