import { EXPERT_AXES, gridAt } from "../../hardware/efficiency/axes.ts";
import { efficiencyOf, GENERIC_EFFICIENCIES } from "../../hardware/efficiency/efficiency-of.ts";
import { logGrid } from "../../hardware/efficiency/operator-efficiencies.ts";
import { log2 } from "../../kernel/math.ts";
import { allToAllTime } from "./all-to-all.ts";
import { type DevicePeaks, linearFormat } from "./device.ts";
import { type DeviceExperts, expertsIdealUs } from "./ideal.ts";
import type { RooflineOptions } from "./options.ts";

/** Devices that share the routed experts, and how. */
function expertLayout(options: RooflineOptions): { ranks: number; slices: number } {
  const { tensorParallel, dataParallel = 1, expertParallel = 1 } = options;
  return { ranks: expertParallel, slices: (tensorParallel * dataParallel) / expertParallel };
}

/** Times of one layer's routed experts for a batch of so many tokens on each data-parallel rank. */
export interface RoutedExperts {
  /** On the hottest device. */
  computeUs(tokens: number): number;
  /** The tokens' way there and back. */
  exchangeUs(tokens: number): number;
}

/** The routed experts of a model on its devices; none where it has none. */
export function routedExperts(options: RooflineOptions, peaks: DevicePeaks): RoutedExperts {
  const { model, dataParallel = 1, expertSkew = 1 } = options;
  const { moe, weightFormat } = model;
  if (moe === undefined) return { computeUs: () => 0, exchangeUs: () => 0 };
  const format = linearFormat(peaks, weightFormat);
  const own = efficiencyOf(options.accelerator).efficiencies.experts ?? {};
  // Weights that are only stored small have kernels of their own, which unpack them.
  const values = own[weightFormat] ?? own[format.compute] ?? own.bfloat16 ?? GENERIC_EFFICIENCIES.experts!.bfloat16!;
  const grid = logGrid(EXPERT_AXES, values);
  const { ranks, slices } = expertLayout(options);
  const { experts, topK, matrices } = moe;
  const intermediateSize = moe.intermediateSize / slices;
  const skew = ranks === 1 ? 1 : expertSkew;
  const layer: DeviceExperts = { hiddenSize: moe.width, intermediateSize, experts, topK, matrices, ranks, skew };
  const size = log2(matrices * moe.width * intermediateSize);
  return {
    computeUs(tokens) {
      const all = tokens * dataParallel;
      const efficiency = gridAt(grid, log2((all * topK * skew) / experts), size, log2(experts / ranks));
      return expertsIdealUs(peaks, format, all, layer) / efficiency;
    },
    exchangeUs: allToAllTime(options, format.activationBytes),
  };
}
