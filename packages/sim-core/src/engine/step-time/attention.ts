import {
  DECODE_AXES,
  gridAt,
  LATENT_DECODE_AXES,
  LATENT_PREFILL_AXES,
  PREFILL_AXES,
} from "../../hardware/efficiency/axes.ts";
import { efficiencyOf, GENERIC_EFFICIENCIES } from "../../hardware/efficiency/efficiency-of.ts";
import { logGrid } from "../../hardware/efficiency/operator-efficiencies.ts";
import { SlowdownTable } from "../../hardware/efficiency/slowdown-table.ts";
import { log2 } from "../../kernel/math.ts";
import { KV_BYTES } from "../../model/kv-cache-size.ts";
import type { DevicePeaks } from "./device.ts";
import { decodeAttentionIdealUs, latentDecodeIdealUs, latentPrefillIdealUs, prefillAttentionIdealUs } from "./ideal.ts";
import type { RooflineOptions } from "./options.ts";

/** Heads of the measured kernels are this wide; others count by their width. */
const MEASURED_HEAD_DIM = 128;

/** A kernel's tile of queries is never narrower, and shorter prompts were not measured. */
const LEAST_ROWS = 16;

/** Attention of one layer on one device. */
export interface AttentionTime {
  /** A chunk of a prompt, in a step with `chunks` of them. */
  prefillUs(newTokens: number, cachedTokens: number, chunks: number): number;
  /** `seqs` sequences of equal context. */
  decodeUs(seqs: number, contextTokens: number): number;
  /** Decode time in a step with prefill chunks over that in one without. */
  readonly mixedDecodeFactor: number;
  prefillIdealUs(newTokens: number, cachedTokens: number): number;
  decodeIdealUs(summedContextTokens: number): number;
}

/**
 * A chunk of n tokens after c computed ones is as efficient as the whole prompt of the same mean context (n + 2 c) on as
 * many heads as do the same work (heads x n / (n + 2 c)): same length of the inner loop, same number of blocks of queries.
 */
function prefillSlowdown(table: SlowdownTable, heads: number, newTokens: number, cachedTokens: number): number {
  const length = newTokens + 2 * cachedTokens;
  return table.at(length, (heads * newTokens) / length);
}

/** Attention of the model on the device: of heads, or of a latent. */
export function attentionTime(options: RooflineOptions, peaks: DevicePeaks): AttentionTime {
  return options.model.latentAttention === undefined ? headAttention(options, peaks) : latentAttention(options, peaks);
}

function headAttention(options: RooflineOptions, peaks: DevicePeaks): AttentionTime {
  const { model, tensorParallel, kvFormat = "bfloat16" } = options;
  const { efficiencies } = efficiencyOf(options.accelerator);
  const { headDim, slidingWindowTokens } = model;
  const heads = model.heads / tensorParallel;
  const kvHeads = Math.max(1, model.kvHeads / tensorParallel);
  const width = headDim / MEASURED_HEAD_DIM;
  const prefillTable = new SlowdownTable(logGrid(PREFILL_AXES, efficiencies.prefillAttention));
  const decode = efficiencies.decodeAttention;
  const decodeGrid = logGrid(DECODE_AXES, decode[kvFormat] ?? decode.bfloat16);
  const kvBytes = KV_BYTES[kvFormat];
  const inWindow = (tokens: number) => (slidingWindowTokens > 0 ? Math.min(tokens, slidingWindowTokens) : tokens);
  const prefillIdealUs = (newTokens: number, cachedTokens: number) =>
    prefillAttentionIdealUs(peaks, heads, kvHeads, headDim, newTokens, inWindow(cachedTokens));
  const decodeIdealUs = (contextTokens: number) =>
    decodeAttentionIdealUs(peaks, heads, kvHeads, headDim, contextTokens, kvBytes);
  return {
    mixedDecodeFactor: efficiencies.mixedDecodeFactor ?? 1,
    prefillIdealUs,
    decodeIdealUs,
    prefillUs(newTokens, cachedTokens, chunks) {
      const rows = Math.max(newTokens, LEAST_ROWS);
      const slowdown = prefillSlowdown(prefillTable, heads * width * chunks, rows, inWindow(cachedTokens));
      return prefillIdealUs(rows, cachedTokens) * slowdown;
    },
    decodeUs(seqs, contextTokens) {
      const context = inWindow(contextTokens);
      return decodeIdealUs(seqs * context) / gridAt(decodeGrid, log2(seqs * kvHeads * width), log2(context));
    },
  };
}

function latentAttention(options: RooflineOptions, peaks: DevicePeaks): AttentionTime {
  const mla = options.model.latentAttention!;
  const { efficiencies } = efficiencyOf(options.accelerator);
  const heads = options.model.heads / options.tensorParallel;
  const kvBytes = KV_BYTES[options.kvFormat ?? "bfloat16"];
  const prefill = efficiencies.latentPrefillAttention ?? GENERIC_EFFICIENCIES.latentPrefillAttention!;
  const decode = efficiencies.latentDecodeAttention ?? GENERIC_EFFICIENCIES.latentDecodeAttention!;
  const prefillTable = new SlowdownTable(logGrid(LATENT_PREFILL_AXES, prefill));
  const decodeGrid = logGrid(LATENT_DECODE_AXES, decode);
  const prefillIdealUs = (newTokens: number, cachedTokens: number) =>
    latentPrefillIdealUs(peaks, heads, mla, newTokens, cachedTokens);
  const decodeIdealUs = (contextTokens: number) => latentDecodeIdealUs(peaks, heads, mla, contextTokens, kvBytes);
  return {
    mixedDecodeFactor: efficiencies.mixedDecodeFactor ?? 1,
    prefillIdealUs,
    decodeIdealUs,
    prefillUs(newTokens, cachedTokens, chunks) {
      const rows = Math.max(newTokens, LEAST_ROWS);
      return prefillIdealUs(rows, cachedTokens) * prefillSlowdown(prefillTable, heads * chunks, rows, cachedTokens);
    },
    decodeUs: (seqs, contextTokens) =>
      decodeIdealUs(seqs * contextTokens) / gridAt(decodeGrid, log2(seqs), log2(contextTokens), log2(heads)),
  };
}
