import { attentionFormat, networkFormat } from "../../model/parameters.ts";
import { allReduceTime } from "./collectives.ts";
import type { DevicePeaks } from "./device.ts";
import {
  attentionWidths,
  LinearLayers,
  networkWidths,
  plainAttentionWidths,
  stateWidths,
  type Widths,
} from "./linear-layers.ts";
import type { RooflineOptions } from "./options.ts";
import { routedExperts } from "./routed-experts.ts";
import { smallKernels } from "./small-kernels.ts";

/** Times that depend on the number of tokens in a step, not on their contexts. */
export interface TokenTime {
  /** Everything but attention and the output head, all layers. */
  layersUs(tokens: number): number;
  /** Of that, the routed experts, without the tokens' way to them. */
  expertsUs(tokens: number): number;
  /** Final norm, output head and sampling, for the rows that sample. */
  headUs(rows: number): number;
}

/** Alike layers with so many matrices each. */
interface Matrices {
  readonly layers: number;
  readonly widths: readonly Widths[];
  /** Those that stay in BF16. */
  readonly plain?: readonly Widths[];
}

function mixerMatrices({ model, tensorParallel }: RooflineOptions): Matrices[] {
  const { attention, states, hiddenSize } = model;
  return [
    ...attention.map((layer) => ({
      layers: layer.layers,
      widths: attentionWidths(layer, hiddenSize, tensorParallel),
      plain: plainAttentionWidths(layer, hiddenSize),
    })),
    ...states.map((layer) => ({ layers: layer.layers, widths: stateWidths(layer, hiddenSize, tensorParallel) })),
  ];
}

/** What every token passes in a layer of experts: shared experts, and the projections to a latent and from it. */
function besideExperts({ model, tensorParallel }: RooflineOptions): Widths[] {
  const { moe, hiddenSize } = model;
  const sharedSize = (moe?.sharedIntermediateSize ?? 0) / tensorParallel;
  const shared = sharedSize > 0 ? networkWidths(hiddenSize, sharedSize, moe!.matrices) : [];
  if (moe === undefined || moe.width === hiddenSize) return shared;
  return [...shared, [moe.width, hiddenSize], [hiddenSize, moe.width]];
}

/**
 * All-reduces for each layer that mixes tokens: its own, and those of the networks, of which there may be fewer or more.
 * Under data parallelism the experts' outputs come back with the all-to-all instead.
 */
function reducesPerMixer({ model, dataParallel = 1 }: RooflineOptions, mixerLayers: number): number {
  const { moe, dense } = model;
  const denseLayers = dense.reduce((sum, { layers }) => sum + layers, 0);
  const expertLayers = moe === undefined ? 0 : moe.layers;
  // A layer with both a dense network and experts reduces their sum.
  const both = Math.max(0, denseLayers + expertLayers - Math.max(model.layers, mixerLayers));
  const networks = dataParallel === 1 ? denseLayers + expertLayers - both : denseLayers;
  return 1 + networks / mixerLayers;
}

/** The token-dependent times of a model on its devices. */
export function tokenTime(options: RooflineOptions, peaks: DevicePeaks): TokenTime {
  const { model, tensorParallel, accelerator } = options;
  const { hiddenSize, moe } = model;
  const mixerLinear = new LinearLayers(options, peaks, attentionFormat(model));
  const linear = new LinearLayers(options, peaks, networkFormat(model));
  const mixers = mixerMatrices(options);
  const networks = model.dense.map(({ layers, intermediateSize, matrices }) => ({
    layers,
    widths: networkWidths(hiddenSize, intermediateSize / tensorParallel, matrices),
  }));
  const beside = besideExperts(options);
  const expertLayers = moe === undefined ? 0 : moe.layers;
  const routed = routedExperts(options, peaks);
  const small = smallKernels(options, peaks);
  const reduce = allReduceTime(accelerator, tensorParallel);
  const mixerLayers = mixers.reduce((sum, { layers }) => sum + layers, 0);
  const reduces = reducesPerMixer(options, mixerLayers);
  const sum = (layers: LinearLayers, tokens: number, widths: readonly Widths[]) =>
    widths.reduce((total, pair) => total + layers.weightUs(tokens, pair), 0);
  return {
    layersUs(tokens) {
      const reduceUs = reduces * reduce(tokens * hiddenSize);
      const smallUs = small(tokens);
      let us = 0;
      for (const { layers, widths, plain = [] } of mixers) {
        us += layers * (sum(mixerLinear, tokens, widths) + smallUs + reduceUs);
        for (const pair of plain) us += layers * mixerLinear.plainUs(tokens, pair);
      }
      if (expertLayers > 0) {
        const router = linear.plainUs(tokens, [moe!.experts, hiddenSize]);
        const routedUs = routed.computeUs(tokens) + routed.exchangeUs(tokens);
        us += expertLayers * (routedUs + sum(linear, tokens, beside) + router);
      }
      for (const { layers, widths } of networks) us += layers * sum(linear, tokens, widths);
      return us;
    },
    expertsUs: (tokens) => expertLayers * routed.computeUs(tokens),
    headUs: (rows) => (rows === 0 ? 0 : linear.plainUs(rows, [model.vocabSize / tensorParallel, hiddenSize])),
  };
}
