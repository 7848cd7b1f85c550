import { EXPERT_AXES, gridAt } from "../../hardware/efficiency/axes.ts";
import { efficiencyOf, GENERIC_EFFICIENCIES } from "../../hardware/efficiency/efficiency-of.ts";
import { logGrid } from "../../hardware/efficiency/operator-efficiencies.ts";
import { log2 } from "../../kernel/math.ts";
import { allReduceTime } from "./collectives.ts";
import { type DevicePeaks, linearFormat } from "./device.ts";
import { expertsIdealUs } from "./ideal.ts";
import { attentionWidths, LinearLayers, networkWidths } from "./linear-layers.ts";
import type { RooflineOptions } from "./options.ts";
import { smallKernels } from "./small-kernels.ts";

/** Times that depend on the number of tokens in a step, not on their contexts. */
export interface TokenTime {
  /** Everything but attention and the output head, all layers. */
  layersUs(tokens: number): number;
  /** Final norm, output head and sampling, for the rows that sample. */
  headUs(rows: number): number;
}

function routedExperts(options: RooflineOptions, peaks: DevicePeaks): (tokens: number) => number {
  const { moe, hiddenSize, weightFormat } = options.model;
  if (moe === undefined) return () => 0;
  const format = linearFormat(peaks, weightFormat);
  const own = efficiencyOf(options.accelerator).efficiencies.experts ?? {};
  const values = own[format.compute] ?? own.bfloat16 ?? GENERIC_EFFICIENCIES.experts!.bfloat16!;
  const grid = logGrid(EXPERT_AXES, values);
  const { experts, topK } = moe;
  const intermediateSize = moe.intermediateSize / options.tensorParallel;
  const layer = { hiddenSize, intermediateSize, experts, topK };
  const size = log2(3 * hiddenSize * intermediateSize);
  return (tokens) => {
    const efficiency = gridAt(grid, log2((tokens * topK) / experts), size, log2(experts));
    return expertsIdealUs(peaks, format, tokens, layer) / efficiency;
  };
}

/** The token-dependent times of a model on its devices. */
export function tokenTime(options: RooflineOptions, peaks: DevicePeaks): TokenTime {
  const { model, tensorParallel, accelerator } = options;
  const { hiddenSize, layers, moe } = model;
  const linear = new LinearLayers(options, peaks, model.weightFormat);
  const attention = attentionWidths(model, tensorParallel);
  const dense = networkWidths(hiddenSize, model.intermediateSize / tensorParallel);
  const sharedSize = ((moe?.sharedExperts ?? 0) * (moe?.intermediateSize ?? 0)) / tensorParallel;
  const shared = sharedSize > 0 ? networkWidths(hiddenSize, sharedSize) : [];
  const expertLayers = moe === undefined ? 0 : layers - moe.denseLayers;
  const routed = routedExperts(options, peaks);
  const small = smallKernels(options, peaks);
  const reduce = allReduceTime(accelerator, tensorParallel);
  const sum = (tokens: number, widths: readonly (readonly [number, number])[]) =>
    widths.reduce((total, pair) => total + linear.weightUs(tokens, pair), 0);
  return {
    layersUs(tokens) {
      const everyLayer = sum(tokens, attention) + small(tokens) + 2 * reduce(tokens * hiddenSize);
      const expertLayer =
        expertLayers === 0
          ? 0
          : routed(tokens) + sum(tokens, shared) + linear.plainUs(tokens, [moe!.experts, hiddenSize]);
      const denseLayer = expertLayers === layers ? 0 : sum(tokens, dense);
      return layers * everyLayer + expertLayers * expertLayer + (layers - expertLayers) * denseLayer;
    },
    headUs: (rows) => (rows === 0 ? 0 : linear.plainUs(rows, [model.vocabSize / tensorParallel, hiddenSize])),
  };
}
