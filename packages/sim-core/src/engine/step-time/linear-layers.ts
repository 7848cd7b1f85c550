import { GEMM_AXES, gridAt, type LogGrid } from "../../hardware/efficiency/axes.ts";
import { efficiencyOf } from "../../hardware/efficiency/efficiency-of.ts";
import { logGrid } from "../../hardware/efficiency/operator-efficiencies.ts";
import { log2 } from "../../kernel/math.ts";
import type { AttentionLayers, SharedLatent, StateLayers, WeightFormat } from "../../model/architecture.ts";
import { compressorWidth } from "../../model/shared-latent-weights.ts";
import { type DevicePeaks, type LinearFormat, linearFormat } from "./device.ts";
import { gemmIdealUs } from "./ideal.ts";
import type { RooflineOptions } from "./options.ts";

/** A matrix of one device: output width, input width. */
export type Widths = readonly [n: number, k: number];

/** Projections over a shared latent: both down-projections, an indexer's queries and the heads' own, groups of outputs. */
function sharedLatentWidths(
  { headDim, indexer, ...layer }: AttentionLayers,
  { queryRank, outputGroups, outputRank }: SharedLatent,
  hiddenSize: number,
  tensorParallel: number,
): Widths[] {
  const heads = layer.heads / tensorParallel;
  const ranks = (outputGroups * outputRank) / tensorParallel;
  return [
    [queryRank + headDim, hiddenSize],
    [heads * headDim, queryRank],
    ...(indexer === undefined ? [] : [[indexer.heads * indexer.headDim, queryRank] as const]),
    [ranks, (layer.heads * headDim) / outputGroups],
    [hiddenSize, ranks],
  ];
}

/** Projections of one layer that stay in BF16, whole on every device: what compresses a shared latent. */
export function plainAttentionWidths(layer: AttentionLayers, hiddenSize: number): Widths[] {
  const width = layer.sharedLatent === undefined ? 0 : compressorWidth(layer, layer.sharedLatent);
  return width === 0 ? [] : [[width, hiddenSize]];
}

/** Attention projections of one layer on one device; a latent's down-projections and an indexer's are whole on every one. */
export function attentionWidths(layer: AttentionLayers, hiddenSize: number, tensorParallel: number): Widths[] {
  const { headDim, valueHeadDim, latent: mla, sharedLatent, indexer } = layer;
  if (sharedLatent !== undefined) return sharedLatentWidths(layer, sharedLatent, hiddenSize, tensorParallel);
  const heads = layer.heads / tensorParallel;
  if (mla === undefined) {
    const kvHeads = Math.max(1, layer.kvHeads / tensorParallel);
    const queries = heads * (layer.outputGate ? 2 : 1);
    const values = layer.valueProjection ? kvHeads * valueHeadDim : 0;
    const index = indexer === undefined ? 0 : (indexer.heads + 1) * indexer.headDim;
    return [
      [(queries + kvHeads) * headDim + values + index, hiddenSize],
      [hiddenSize, heads * valueHeadDim],
    ];
  }
  const queryDim = heads * (mla.nopeHeadDim + mla.ropeHeadDim);
  const latent = mla.kvRank + mla.ropeHeadDim + (indexer === undefined ? 0 : indexer.headDim + indexer.heads);
  const indexQueries: Widths[] =
    indexer === undefined ? [] : [[indexer.heads * indexer.headDim, mla.queryRank || hiddenSize]];
  const query: Widths[] =
    mla.queryRank > 0
      ? [
          [mla.queryRank + latent, hiddenSize],
          [queryDim, mla.queryRank],
        ]
      : [[queryDim + latent, hiddenSize]];
  const expand: Widths = [heads * (mla.nopeHeadDim + mla.valueHeadDim), mla.kvRank];
  const gate: Widths[] = layer.outputGate ? [[heads * mla.valueHeadDim, hiddenSize]] : [];
  return [...query, ...indexQueries, expand, ...gate, [hiddenSize, heads * mla.valueHeadDim]];
}

/** Input and output projections of one linear-attention or state-space layer on one device. */
export function stateWidths(layer: StateLayers, hiddenSize: number, tensorParallel: number): Widths[] {
  return [
    [layer.projectedWidth / tensorParallel, hiddenSize],
    [hiddenSize, (layer.heads * layer.valueDim) / tensorParallel],
  ];
}

/** A network of one layer: gate, where it has one, and up in one matrix, then down. */
export function networkWidths(hiddenSize: number, intermediateSize: number, matrices: 2 | 3 = 3): Widths[] {
  return [
    [(matrices - 1) * intermediateSize, hiddenSize],
    [hiddenSize, intermediateSize],
  ];
}

/** Times of linear layers: the roofline over the fitted efficiency of their tokens and widths. */
export class LinearLayers {
  readonly #peaks: DevicePeaks;
  readonly #weights: LinearFormat;
  readonly #plain: LinearFormat;
  readonly #weightGrid: LogGrid;
  readonly #plainGrid: LogGrid;
  /**
   * FP8 with one scale, beside which blocks of scales count as at least as efficient: the tables' times of the latter were
   * taken without a graph and never fall below the launch of their quantisation (57 us on H200, 190 on B200), which
   * steps under a graph do not pay. Where both are longer than that they differ by a tenth.
   */
  readonly #scaledGrid: LogGrid | undefined;

  constructor(options: Pick<RooflineOptions, "accelerator">, peaks: DevicePeaks, format: WeightFormat) {
    const { gemm } = efficiencyOf(options.accelerator).efficiencies;
    this.#peaks = peaks;
    this.#weights = linearFormat(peaks, format);
    this.#plain = linearFormat(peaks, "bfloat16");
    this.#plainGrid = logGrid(GEMM_AXES, gemm.bfloat16);
    const own = gemm[this.#weights.compute];
    this.#weightGrid = own === undefined ? this.#plainGrid : logGrid(GEMM_AXES, own);
    const scaled = this.#weights.compute === "fp8_block" ? gemm.fp8 : undefined;
    this.#scaledGrid = scaled === undefined ? undefined : logGrid(GEMM_AXES, scaled);
  }

  /** One layer in the checkpoint's weight format. */
  weightUs(tokens: number, [n, k]: Widths): number {
    const us = this.#timeUs(this.#weights, this.#weightGrid, tokens, [n, k]);
    if (this.#scaledGrid === undefined) return us;
    return Math.min(us, this.#timeUs(this.#weights, this.#scaledGrid, tokens, [n, k]));
  }

  /** One layer that stays in BF16, such as the output head. */
  plainUs(tokens: number, [n, k]: Widths): number {
    return this.#timeUs(this.#plain, this.#plainGrid, tokens, [n, k]);
  }

  #timeUs(format: LinearFormat, grid: LogGrid, tokens: number, [n, k]: Widths): number {
    return gemmIdealUs(this.#peaks, format, tokens, n, k) / gridAt(grid, log2(tokens), log2(n), log2(k));
  }
}
