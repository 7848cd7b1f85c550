import { pow } from "../../kernel/math.ts";
import type { LatentAttention } from "../../model/architecture.ts";
import type { DevicePeaks, LinearFormat } from "./device.ts";

/**
 * Times that peak FLOP/s and peak bandwidth alone allow, per operator class: max(FLOPs / peak, bytes / bandwidth), the
 * roofline of Williams, Waterman and Patterson (CACM 52(4), 2009). The efficiency grids are relative to these.
 */

/** A linear layer: weights, input and output each moved once; the output is two bytes wide. */
export function gemmIdealUs(peaks: DevicePeaks, format: LinearFormat, tokens: number, n: number, k: number): number {
  const bytes = n * k * format.weightBytes + tokens * k * format.activationBytes + tokens * n * 2;
  return Math.max((2 * tokens * n * k) / format.flopsPerUs, bytes / peaks.bytesPerUs);
}

/** Pairs of a new token and a token that it attends to, causal: a chunk sees the computed prefix and itself. */
export function attendedPairs(newTokens: number, cachedTokens: number): number {
  return newTokens * (cachedTokens + (newTokens + 1) / 2);
}

/** Prefill attention: two products of headDim for each pair and head; queries, outputs and keys moved once. */
export function prefillAttentionIdealUs(
  peaks: DevicePeaks,
  heads: number,
  kvHeads: number,
  headDim: number,
  newTokens: number,
  cachedTokens: number,
): number {
  const flops = 4 * heads * headDim * attendedPairs(newTokens, cachedTokens);
  const bytes = 2 * headDim * (2 * heads * newTokens + 2 * kvHeads * (newTokens + cachedTokens));
  return Math.max(flops / peaks.bfloat16FlopsPerUs, bytes / peaks.bytesPerUs);
}

/** Decode attention over a summed context: every cached key and value read once. */
export function decodeAttentionIdealUs(
  peaks: DevicePeaks,
  heads: number,
  kvHeads: number,
  headDim: number,
  contextTokens: number,
  kvBytes: number,
): number {
  const flops = 4 * heads * headDim * contextTokens;
  const bytes = 2 * kvHeads * headDim * kvBytes * contextTokens;
  return Math.max(flops / peaks.bfloat16FlopsPerUs, bytes / peaks.bytesPerUs);
}

/** Prefill of latent attention, keys and values expanded. */
export function latentPrefillIdealUs(
  peaks: DevicePeaks,
  heads: number,
  mla: LatentAttention,
  newTokens: number,
  cachedTokens: number,
): number {
  const dims = mla.nopeHeadDim + mla.ropeHeadDim + mla.valueHeadDim;
  return (2 * heads * dims * attendedPairs(newTokens, cachedTokens)) / peaks.bfloat16FlopsPerUs;
}

/** Decode of latent attention, absorbed: each head works on the latent itself, which is read once for all heads. */
export function latentDecodeIdealUs(
  peaks: DevicePeaks,
  heads: number,
  mla: LatentAttention,
  contextTokens: number,
  kvBytes: number,
): number {
  const flops = 2 * heads * (2 * mla.kvRank + mla.ropeHeadDim) * contextTokens;
  const bytes = (mla.kvRank + mla.ropeHeadDim) * kvBytes * contextTokens;
  return Math.max(flops / peaks.bfloat16FlopsPerUs, bytes / peaks.bytesPerUs);
}

/** Routed experts that a batch touches under uniform routing: E (1 - (1 - k/E)^tokens). */
export function touchedExperts(experts: number, topK: number, tokens: number): number {
  return experts * (1 - pow(1 - topK / experts, tokens));
}

/** Routed experts of one layer: three matrices for each expert; the touched ones' weights are read once. */
export function expertsIdealUs(
  peaks: DevicePeaks,
  format: LinearFormat,
  tokens: number,
  layer: { hiddenSize: number; intermediateSize: number; experts: number; topK: number },
): number {
  const { hiddenSize, intermediateSize, experts, topK } = layer;
  const weights = 3 * hiddenSize * intermediateSize;
  const bytes = touchedExperts(experts, topK, tokens) * weights * format.weightBytes + 4 * tokens * hiddenSize;
  return Math.max((2 * weights * tokens * topK) / format.flopsPerUs, bytes / peaks.bytesPerUs);
}
