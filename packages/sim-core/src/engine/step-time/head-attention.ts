import { DECODE_AXES, gridAt, PREFILL_AXES } from "../../hardware/efficiency/axes.ts";
import { efficiencyOf } from "../../hardware/efficiency/efficiency-of.ts";
import { logGrid } from "../../hardware/efficiency/operator-efficiencies.ts";
import { SlowdownTable } from "../../hardware/efficiency/slowdown-table.ts";
import { log2 } from "../../kernel/math.ts";
import type { AttentionLayers } from "../../model/architecture.ts";
import { KV_BYTES } from "../../model/kv-cache-size.ts";
import type { AttentionTime } from "./attention.ts";
import { attentionSpan, LEAST_ROWS } from "./attention-span.ts";
import type { DevicePeaks } from "./device.ts";
import { attendedPairs, decodeAttentionIdealUs, prefillAttentionIdealUs } from "./ideal.ts";
import { indexerTime } from "./indexer.ts";
import type { RooflineOptions } from "./options.ts";

/** Heads of the measured kernels are this wide; others count by their width. */
const MEASURED_HEAD_DIM = 128;

/**
 * Attention of heads. A chunk of n tokens after c computed ones is as efficient as the whole prompt of the same mean
 * context (n + 2 c) on as many heads as do the same work (heads x n / (n + 2 c)): same length of the inner loop, same
 * number of blocks of queries. Windows, chunks and selections have the efficiency of the context that is left.
 */
export function headAttention(options: RooflineOptions, layer: AttentionLayers, peaks: DevicePeaks): AttentionTime {
  const { tensorParallel, kvFormat = "bfloat16", draftTokens = 0 } = options;
  const { efficiencies } = efficiencyOf(options.accelerator);
  const headDim = (layer.headDim + layer.valueHeadDim) / 2;
  const kvHeads = Math.max(1, layer.kvHeads / tensorParallel);
  const device = { heads: layer.heads / tensorParallel, kvHeads, headDim };
  const width = headDim / MEASURED_HEAD_DIM;
  const span = attentionSpan(layer);
  const index = indexerTime(options, layer, peaks);
  const table = new SlowdownTable(logGrid(PREFILL_AXES, efficiencies.prefillAttention));
  const decode = efficiencies.decodeAttention;
  const decodeGrid = logGrid(DECODE_AXES, decode[kvFormat] ?? decode.bfloat16);
  const kvBytes = KV_BYTES[kvFormat];
  const prefillIdealUs = (newTokens: number, cachedTokens: number) =>
    prefillAttentionIdealUs(peaks, device, newTokens, span.cached(cachedTokens), span.pairs(newTokens, cachedTokens));
  const decodeIdealUs = (contextTokens: number) =>
    decodeAttentionIdealUs(peaks, device, contextTokens, kvBytes, draftTokens + 1);
  // Asked for in every step with a later chunk of a prompt: full attention does without the general span.
  const fullPrefillUs = (newTokens: number, cachedTokens: number, chunks: number) => {
    const rows = Math.max(newTokens, LEAST_ROWS);
    const length = rows + 2 * cachedTokens;
    const slowdown = table.at(length, (device.heads * width * chunks * rows) / length);
    return prefillAttentionIdealUs(peaks, device, rows, cachedTokens, attendedPairs(rows, cachedTokens)) * slowdown;
  };
  const spanPrefillUs = (newTokens: number, cachedTokens: number, chunks: number) => {
    const rows = Math.max(newTokens, LEAST_ROWS);
    const length = span.equivalentLength(rows, cachedTokens);
    const slowdown = table.at(length, (device.heads * width * chunks * rows) / length);
    return prefillIdealUs(rows, cachedTokens) * slowdown + index.prefillUs(rows, cachedTokens);
  };
  return {
    mixedDecodeFactor: efficiencies.mixedDecodeFactor ?? 1,
    prefillIdealUs,
    decodeIdealUs: (seqs, summed) => decodeIdealUs(seqs * span.context(summed / seqs)),
    prefillUs: layer.kind === "full" ? fullPrefillUs : spanPrefillUs,
    decodeUs(seqs, contextTokens) {
      const context = span.context(contextTokens);
      const efficiency = gridAt(decodeGrid, log2(seqs * kvHeads * width), log2(context));
      return decodeIdealUs(seqs * context) / efficiency + index.decodeUs(seqs * contextTokens);
    },
  };
}
