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

/** Pairs where each token attends to itself and what is before it, at most `span` in all: sum of min(position, span). */
export function pairsInWindow(newTokens: number, cachedTokens: number, span: number): number {
  const before = Math.max(0, Math.min(newTokens, span - cachedTokens));
  return attendedPairs(before, cachedTokens) + (newTokens - before) * span;
}

/** Pairs of each token and the rows of `tokensPerRow` that are complete with it, at most `most`: sum of min(position / row, most). */
export function pairsWithRows(newTokens: number, cachedTokens: number, tokensPerRow: number, most: number): number {
  const upTo = (position: number) => {
    const rows = Math.min(Math.floor(position / tokensPerRow), most);
    return (tokensPerRow * rows * (rows - 1)) / 2 + rows * (position - rows * tokensPerRow + 1);
  };
  return upTo(cachedTokens + newTokens) - upTo(cachedTokens);
}

/** Pairs where each token attends to itself and what is before it in its chunk: positions begin anew after each chunk. */
export function pairsInChunks(newTokens: number, cachedTokens: number, chunk: number): number {
  const upTo = (position: number) => {
    const rest = position % chunk;
    return (((position - rest) / chunk) * chunk * (chunk + 1)) / 2 + (rest * (rest + 1)) / 2;
  };
  return upTo(cachedTokens + newTokens) - upTo(cachedTokens);
}

/** Heads of one device, as the rooflines of attention need them. */
export interface DeviceHeads {
  readonly heads: number;
  readonly kvHeads: number;
  /** Mean width of a head's keys and values. */
  readonly headDim: number;
}

/** Prefill attention: two products of headDim for each pair and head; queries, outputs and keys moved once. */
export function prefillAttentionIdealUs(
  peaks: DevicePeaks,
  { heads, kvHeads, headDim }: DeviceHeads,
  newTokens: number,
  cachedTokens: number,
  pairs: number,
): number {
  const flops = 4 * heads * headDim * pairs;
  const bytes = 2 * headDim * (2 * heads * newTokens + 2 * kvHeads * (newTokens + cachedTokens));
  return Math.max(flops / peaks.bfloat16FlopsPerUs, bytes / peaks.bytesPerUs);
}

/** Decode attention of `queries` tokens a sequence over a summed context: every cached key and value read once. */
export function decodeAttentionIdealUs(
  peaks: DevicePeaks,
  { heads, kvHeads, headDim }: DeviceHeads,
  contextTokens: number,
  kvBytes: number,
  queries = 1,
): number {
  const flops = 4 * heads * headDim * contextTokens * queries;
  const bytes = 2 * kvHeads * headDim * kvBytes * contextTokens;
  return Math.max(flops / peaks.bfloat16FlopsPerUs, bytes / peaks.bytesPerUs);
}

/** Prefill of latent attention, keys and values expanded. */
export function latentPrefillIdealUs(peaks: DevicePeaks, heads: number, mla: LatentAttention, pairs: number): number {
  const dims = mla.nopeHeadDim + mla.ropeHeadDim + mla.valueHeadDim;
  return (2 * heads * dims * pairs) / peaks.bfloat16FlopsPerUs;
}

/** Absorbed latent attention: each head works on the latent itself, which is read once for all heads. */
export function latentDecodeIdealUs(
  peaks: DevicePeaks,
  heads: number,
  mla: Pick<LatentAttention, "kvRank" | "ropeHeadDim">,
  contextTokens: number,
  kvBytes: number,
  queries = 1,
): number {
  const flops = 2 * heads * (2 * mla.kvRank + mla.ropeHeadDim) * contextTokens * queries;
  const bytes = (mla.kvRank + mla.ropeHeadDim) * kvBytes * contextTokens;
  return Math.max(flops / peaks.bfloat16FlopsPerUs, bytes / peaks.bytesPerUs);
}

/** Routed experts that a batch touches under uniform routing: E (1 - (1 - k/E)^tokens). */
export function touchedExperts(experts: number, topK: number, tokens: number): number {
  return experts * (1 - pow(1 - topK / experts, tokens));
}

/** Routed experts of one layer on one device. */
export interface DeviceExperts {
  /** Width that they read and write. */
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly experts: number;
  readonly topK: number;
  readonly matrices?: number;
  /** Devices that the experts are spread over, each with its share of them; 1 = every device has a slice of each. */
  readonly ranks?: number;
  /** Load of the device in hand over the mean. */
  readonly skew?: number;
}

/** Routed experts of one layer for `tokens` tokens of all devices; the touched ones' weights are read once. */
export function expertsIdealUs(
  peaks: DevicePeaks,
  format: LinearFormat,
  tokens: number,
  { hiddenSize, intermediateSize, experts, topK, matrices = 3, ranks = 1, skew = 1 }: DeviceExperts,
): number {
  const weights = matrices * hiddenSize * intermediateSize;
  const touched = touchedExperts(experts, topK, tokens) / ranks;
  const activations = 4 * tokens * hiddenSize * Math.min(1, topK / ranks);
  const bytes = touched * weights * format.weightBytes + activations;
  return Math.max((2 * weights * tokens * topK * (skew / ranks)) / format.flopsPerUs, bytes / peaks.bytesPerUs);
}
