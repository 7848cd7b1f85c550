import { GEMM_AXES, gridAt, type LogGrid } from "../../hardware/efficiency/axes.ts";
import { efficiencyOf } from "../../hardware/efficiency/efficiency-of.ts";
import { logGrid } from "../../hardware/efficiency/operator-efficiencies.ts";
import { log2 } from "../../kernel/math.ts";
import type { ModelArchitecture, WeightFormat } from "../../model/architecture.ts";
import { type DevicePeaks, type LinearFormat, linearFormat } from "./device.ts";
import { gemmIdealUs } from "./ideal.ts";
import type { RooflineOptions } from "./options.ts";

/** A matrix of one device: output width, input width. */
export type Widths = readonly [n: number, k: number];

/** Attention projections of one layer on one device; a latent's down-projections are whole on every device. */
export function attentionWidths(model: ModelArchitecture, tensorParallel: number): Widths[] {
  const { hiddenSize, headDim, latentAttention: mla } = model;
  const heads = model.heads / tensorParallel;
  if (mla === undefined) {
    const kvHeads = Math.max(1, model.kvHeads / tensorParallel);
    return [
      [(heads + 2 * kvHeads) * headDim, hiddenSize],
      [hiddenSize, heads * headDim],
    ];
  }
  const queryDim = heads * (mla.nopeHeadDim + mla.ropeHeadDim);
  const latent = mla.kvRank + mla.ropeHeadDim;
  const query: Widths[] =
    mla.queryRank > 0
      ? [
          [mla.queryRank + latent, hiddenSize],
          [queryDim, mla.queryRank],
        ]
      : [[queryDim + latent, hiddenSize]];
  const expand: Widths = [heads * (mla.nopeHeadDim + mla.valueHeadDim), mla.kvRank];
  return [...query, expand, [hiddenSize, heads * mla.valueHeadDim]];
}

/** A gated network of one layer: gate and up in one matrix, then down. */
export function networkWidths(hiddenSize: number, intermediateSize: number): Widths[] {
  return [
    [2 * intermediateSize, hiddenSize],
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

  constructor(options: Pick<RooflineOptions, "accelerator">, peaks: DevicePeaks, format: WeightFormat) {
    const { gemm } = efficiencyOf(options.accelerator).efficiencies;
    this.#peaks = peaks;
    this.#weights = linearFormat(peaks, format);
    this.#plain = linearFormat(peaks, "bfloat16");
    this.#plainGrid = logGrid(GEMM_AXES, gemm.bfloat16);
    const own = gemm[this.#weights.compute];
    this.#weightGrid = own === undefined ? this.#plainGrid : logGrid(GEMM_AXES, own);
  }

  /** One layer in the checkpoint's weight format. */
  weightUs(tokens: number, [n, k]: Widths): number {
    return this.#timeUs(this.#weights, this.#weightGrid, tokens, n, k);
  }

  /** One layer that stays in BF16, such as the output head. */
  plainUs(tokens: number, [n, k]: Widths): number {
    return this.#timeUs(this.#plain, this.#plainGrid, tokens, n, k);
  }

  #timeUs(format: LinearFormat, grid: LogGrid, tokens: number, n: number, k: number): number {
    return gemmIdealUs(this.#peaks, format, tokens, n, k) / gridAt(grid, log2(tokens), log2(n), log2(k));
  }
}
