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
import { latentDecodeIdealUs, latentPrefillIdealUs } from "./ideal.ts";
import { indexerTime } from "./indexer.ts";
import type { RooflineOptions } from "./options.ts";

/**
 * Attention of a latent: expanded in prefill and absorbed in decode. Sparse layers are absorbed in both, as each token has
 * a selection of its own, with the efficiency of dense ones (`assumed`).
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
  const absorbed = layer.kind === "sparse";
  const prefillIdealUs = (newTokens: number, cachedTokens: number) => {
    const pairs = span.pairs(newTokens, cachedTokens);
    return absorbed ? latentDecodeIdealUs(peaks, heads, mla, pairs, 0) : latentPrefillIdealUs(peaks, heads, mla, pairs);
  };
  const decodeIdealUs = (contextTokens: number) =>
    latentDecodeIdealUs(peaks, heads, mla, contextTokens, kvBytes, draftTokens + 1);
  return {
    mixedDecodeFactor: efficiencies.mixedDecodeFactor ?? 1,
    prefillIdealUs,
    decodeIdealUs: (seqs, summed) => decodeIdealUs(seqs * span.context(summed / seqs)),
    prefillUs(newTokens, cachedTokens, chunks) {
      const rows = Math.max(newTokens, LEAST_ROWS);
      const length = span.equivalentLength(rows, cachedTokens);
      const slowdown = table.at(length, (heads * chunks * rows) / length);
      return prefillIdealUs(rows, cachedTokens) * slowdown + index.prefillUs(rows, cachedTokens);
    },
    decodeUs(seqs, contextTokens) {
      const context = span.context(contextTokens);
      const efficiency = gridAt(decodeGrid, log2(seqs), log2(context), log2(heads));
      return decodeIdealUs(seqs * context) / efficiency + index.decodeUs(seqs * contextTokens);
    },
  };
}
