import type { AttentionLayers, KvFormat, ModelArchitecture, SharedLatent, StateLayers } from "./architecture.ts";

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
 * Bytes of a shared latent: under FP8 its numbers but the rotary ones, those in BF16, a scale for each 64 of the former and
 * one byte to fill up (vLLM 0.22.1, `vllm/models/deepseek_v4/attention.py`: 448 + 128 + 8 = 584).
 */
export function sharedLatentBytes(headDim: number, ropeHeadDim: number, format: KvFormat): number {
  const scaled = headDim - ropeHeadDim;
  return format === "fp8" ? scaled + 2 * ropeHeadDim + scaled / 64 + 1 : headDim * KV_BYTES[format];
}

/** What a layer caches of each of a sequence's last `spanTokens` tokens (Infinity: of all), on one device. */
interface LayerCache {
  readonly spanTokens: number;
  readonly bytesPerToken: number;
}

/**
 * Caches of a layer over a shared latent: the window, and where it has rows, those with the indexer's keys, and the FP32
 * latents and scores of the runs that the next row is made of (vLLM 0.22.1, `CompressorStateCache`).
 */
function sharedLatentCaches(layer: AttentionLayers, shared: SharedLatent, format: KvFormat): LayerCache[] {
  const { headDim, spanTokens, indexer } = layer;
  const { ropeHeadDim, rows } = shared;
  const rowBytes = sharedLatentBytes(headDim, ropeHeadDim, format);
  const window = { spanTokens, bytesPerToken: rowBytes };
  if (rows === undefined) return [window];
  const { tokensPerRow, runsPerRow } = rows;
  const numbers = 2 * runsPerRow * (headDim + (indexer?.headDim ?? 0));
  return [
    window,
    { spanTokens: Infinity, bytesPerToken: rowBytes / tokensPerRow + (indexer?.bytesPerToken ?? 0) },
    { spanTokens: runsPerRow * tokensPerRow, bytesPerToken: 4 * numbers },
  ];
}

/**
 * Bytes that a token takes in the one cache of a layer of heads or of a latent that each token has for itself.
 *
 * With tensor parallelism above the number of KV heads the heads are replicated. A latent (MLA) and the key of an indexer
 * are whole on every device.
 */
function tokenCacheBytes(layer: AttentionLayers, tensorParallel: number, format: KvFormat): number {
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

/** Caches of one layer; a window or chunk is let go behind it, and what a selection leaves out is kept. */
function layerCaches(layer: AttentionLayers, tensorParallel: number, format: KvFormat): LayerCache[] {
  if (layer.sharedLatent !== undefined) return sharedLatentCaches(layer, layer.sharedLatent, format);
  const bytesPerToken = tokenCacheBytes(layer, tensorParallel, format);
  const keepsAll = layer.kind === "full" || layer.kind === "sparse";
  return [{ spanTokens: keepsAll ? Infinity : layer.spanTokens, bytesPerToken }];
}

/** Bytes of all layers' caches, each by the tokens of it that are counted. */
function sumOfCaches(
  model: ModelArchitecture,
  tensorParallel: number,
  format: KvFormat,
  tokensOf: (spanTokens: number) => number,
): number {
  let sum = 0;
  for (const layer of model.attention) {
    for (const { spanTokens, bytesPerToken } of layerCaches(layer, tensorParallel, format)) {
      sum += layer.layers * tokensOf(spanTokens) * bytesPerToken;
    }
  }
  return sum;
}

/** Bytes that each further token of a long context takes in the KV cache of one device. */
export function kvBytesPerTokenPerGpu(model: ModelArchitecture, tensorParallel: number, format: KvFormat): number {
  return sumOfCaches(model, tensorParallel, format, (span) => (span === Infinity ? 1 : 0));
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
  const cached = sumOfCaches(model, tensorParallel, format, (span) => Math.min(contextTokens, span));
  return cached + stateBytesPerSequencePerGpu(model, tensorParallel);
}

/** Whether a sequence's bytes are other than a constant for each token. */
export function hasUnlikeCaches(model: ModelArchitecture): boolean {
  const finite = (layer: AttentionLayers) =>
    layerCaches(layer, 1, "bfloat16").some((cache) => cache.spanTokens < Infinity);
  return model.states.length > 0 || model.attention.some(finite);
}

/** Bytes of a token on one device: as it is where all layers keep the whole context, else the mean of such a sequence. */
export function meanTokenBytesPerGpu(
  model: ModelArchitecture,
  tensorParallel: number,
  format: KvFormat,
  sizingContextTokens: number,
): number {
  return hasUnlikeCaches(model)
    ? sequenceBytesPerGpu(model, tensorParallel, format, sizingContextTokens) / sizingContextTokens
    : kvBytesPerTokenPerGpu(model, tensorParallel, format);
}

/** How the engine stores a model's cache unless it is told: kernels over a shared latent read FP8 (FlashMLA). */
export function defaultKvFormat(model: ModelArchitecture): KvFormat {
  return model.attention.some((layer) => layer.sharedLatent !== undefined) ? "fp8" : "bfloat16";
}
