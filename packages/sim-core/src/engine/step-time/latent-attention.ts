import { gridAt, LATENT_DECODE_AXES, LATENT_PREFILL_AXES } from "../../hardware/efficiency/axes.ts";
import { efficiencyOf, GENERIC_EFFICIENCIES } from "../../hardware/efficiency/efficiency-of.ts";
import { logGrid } from "../../hardware/efficiency/operator-efficiencies.ts";
import { SlowdownTable } from "../../hardware/efficiency/slowdown-table.ts";
import { log2 } from "../../kernel/math.ts";
import type { AttentionLayers, LatentAttention } from "../../model/architecture.ts";
import { KV_BYTES } from "../../model/kv-cache-size.ts";
import type { AttentionTime } from "./attention.ts";
import { attentionSpan, LEAST_ROWS } from "./attention-span.ts";
import type { DevicePeaks } from "./device.ts";
import { attendedPairs, latentDecodeIdealUs, latentPrefillIdealUs } from "./ideal.ts";
import { indexerTime } from "./indexer.ts";
import type { RooflineOptions } from "./options.ts";

/**
 * Attention of a latent: expanded in prefill and absorbed in decode. A sparse layer's prompt is absorbed too, as each token
 * has a selection of its own, with the efficiency of dense ones (`assumed`); expanded over all tokens where that is faster.
 */
export function latentAttention(
  options: RooflineOptions,
  layer: AttentionLayers,
  mla: LatentAttention,
  peaks: DevicePeaks,
): AttentionTime {
  const { draftTokens = 0 } = options;
  const { efficiencies } = efficiencyOf(options.accelerator);
  const heads = layer.heads / options.tensorParallel;
  const kvBytes = KV_BYTES[options.kvFormat ?? "bfloat16"];
  const span = attentionSpan(layer);
  const index = indexerTime(options, layer, peaks);
  const prefill = efficiencies.latentPrefillAttention ?? GENERIC_EFFICIENCIES.latentPrefillAttention!;
  const decode = efficiencies.latentDecodeAttention ?? GENERIC_EFFICIENCIES.latentDecodeAttention!;
  const table = new SlowdownTable(logGrid(LATENT_PREFILL_AXES, prefill));
  const decodeGrid = logGrid(LATENT_DECODE_AXES, decode);
  const sparse = layer.kind === "sparse";
  const expandedUs = (newTokens: number, cachedTokens: number) =>
    latentPrefillIdealUs(peaks, heads, mla, attendedPairs(newTokens, cachedTokens));
  const absorbedUs = (newTokens: number, cachedTokens: number) =>
    latentDecodeIdealUs(peaks, heads, mla, span.pairs(newTokens, cachedTokens), 0);
  const prefillIdealUs = (newTokens: number, cachedTokens: number) => {
    const us = expandedUs(newTokens, cachedTokens);
    return sparse ? Math.min(us, absorbedUs(newTokens, cachedTokens)) : us;
  };
  const slowdown = (rows: number, length: number, chunks: number) => table.at(length, (heads * chunks * rows) / length);
  const decodeIdealUs = (contextTokens: number) =>
    latentDecodeIdealUs(peaks, heads, mla, contextTokens, kvBytes, draftTokens + 1);
  return {
    mixedDecodeFactor: efficiencies.mixedDecodeFactor ?? 1,
    prefillIdealUs,
    decodeIdealUs: (seqs, summed) => decodeIdealUs(seqs * span.context(summed / seqs)),
    prefillUs(newTokens, cachedTokens, chunks) {
      const rows = Math.max(newTokens, LEAST_ROWS);
      const denseUs = expandedUs(rows, cachedTokens) * slowdown(rows, rows + 2 * cachedTokens, chunks);
      if (!sparse) return denseUs;
      const length = span.equivalentLength(rows, cachedTokens);
      const sparseUs = absorbedUs(rows, cachedTokens) * slowdown(rows, length, chunks);
      return Math.min(denseUs, sparseUs) + index.prefillUs(rows, cachedTokens);
    },
    decodeUs(seqs, contextTokens) {
      const context = span.context(contextTokens);
      const efficiency = gridAt(decodeGrid, log2(seqs), log2(context), log2(heads));
      return decodeIdealUs(seqs * context) / efficiency + index.decodeUs(seqs * contextTokens);
    },
  };
}
