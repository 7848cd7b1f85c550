import { gridAt, LATENT_DECODE_AXES } from "../../hardware/efficiency/axes.ts";
import { efficiencyOf, GENERIC_EFFICIENCIES } from "../../hardware/efficiency/efficiency-of.ts";
import { logGrid } from "../../hardware/efficiency/operator-efficiencies.ts";
import { log2 } from "../../kernel/math.ts";
import type { AttentionLayers, SharedLatent } from "../../model/architecture.ts";
import { sharedLatentBytes } from "../../model/kv-cache-size.ts";
import type { AttentionTime } from "./attention.ts";
import { attentionSpan, LEAST_ROWS } from "./attention-span.ts";
import type { DevicePeaks } from "./device.ts";
import { latentDecodeIdealUs } from "./ideal.ts";
import { indexerTime } from "./indexer.ts";
import type { RooflineOptions } from "./options.ts";

/**
 * Attention over a shared latent: an absorbed latent whose rotary part is value too. Each token of a prompt's chunk is a
 * query of the decode kernel, with a selection of its own (vLLM 0.22.1, `vllm/v1/attention/backends/mla/sparse_swa.py`), and
 * reads what it attends to for itself; all in the efficiency of decoding MLA over as much context (`assumed`: no table has
 * these kernels).
 */
export function sharedLatentAttention(
  options: RooflineOptions,
  layer: AttentionLayers,
  shared: SharedLatent,
  peaks: DevicePeaks,
): AttentionTime {
  const { draftTokens = 0, kvFormat = "bfloat16" } = options;
  const { efficiencies } = efficiencyOf(options.accelerator);
  const heads = layer.heads / options.tensorParallel;
  const headsLog = log2(heads);
  const latent = { kvRank: layer.headDim, ropeHeadDim: 0 };
  const numberBytes = sharedLatentBytes(layer.headDim, shared.ropeHeadDim, kvFormat) / layer.headDim;
  const span = attentionSpan(layer);
  const index = indexerTime(options, layer, peaks);
  const grid = logGrid(
    LATENT_DECODE_AXES,
    efficiencies.latentDecodeAttention ?? GENERIC_EFFICIENCIES.latentDecodeAttention!,
  );
  const idealUs = (attendedTokens: number, queries: number) =>
    latentDecodeIdealUs(peaks, heads, latent, attendedTokens, numberBytes, queries);
  const kernelUs = (seqs: number, attended: number, queries: number) =>
    idealUs(seqs * attended, queries) / gridAt(grid, log2(seqs), log2(attended), headsLog);
  return {
    mixedDecodeFactor: efficiencies.mixedDecodeFactor ?? 1,
    // Neighbouring tokens may share what they read: the products alone are no kernel's to save.
    prefillIdealUs: (newTokens, cachedTokens) =>
      latentDecodeIdealUs(peaks, heads, latent, span.pairs(newTokens, cachedTokens), 0),
    decodeIdealUs: (seqs, summed) => idealUs(seqs * span.context(summed / seqs), draftTokens + 1),
    prefillUs(newTokens, cachedTokens) {
      const rows = Math.max(newTokens, LEAST_ROWS);
      return kernelUs(rows, span.pairs(rows, cachedTokens) / rows, 1) + index.prefillUs(rows, cachedTokens);
    },
    decodeUs: (seqs, contextTokens) =>
      kernelUs(seqs, span.context(contextTokens), draftTokens + 1) + index.decodeUs(seqs * contextTokens),
  };
}
