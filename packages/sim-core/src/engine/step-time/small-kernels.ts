import type { DevicePeaks } from "./device.ts";
import type { RooflineOptions } from "./options.ts";

/** A short kernel under a graph; 2.4 to 2.7 us in the RTX PRO 6000 profile, with what it moves. */
const SMALL_KERNEL_US = 2;
const SMALL_KERNELS_PER_LAYER = 5;
/** The convolution, the decay and the gated norm of a layer with a state. */
const STATE_KERNELS = 3;
/** Of hyper-connections, before and after each half of a layer: mixtures from all streams, their sum, and streams anew. */
const HYPER_CONNECTION_KERNELS = 6;
const SMALL_KERNEL_BANDWIDTH_FRACTION = 0.9;

/** Width of the networks of one layer, on average. */
function networkWidth({ moe, dense }: RooflineOptions["model"]): number {
  if (moe !== undefined) return moe.topK * moe.intermediateSize + moe.sharedIntermediateSize;
  const layers = dense.reduce((sum, group) => sum + group.layers, 0);
  return layers === 0 ? 0 : dense.reduce((sum, group) => sum + group.layers * group.intermediateSize, 0) / layers;
}

/** Width of what one layer's input projections make, on average. */
function projectedWidth({ attention, states }: RooflineOptions["model"], tensorParallel: number): number {
  let layers = 0;
  let widths = 0;
  for (const { layers: count, heads, kvHeads, headDim } of attention) {
    layers += count;
    widths += count * ((heads + 2 * kvHeads) / tensorParallel) * headDim;
  }
  for (const { layers: count, projectedWidth: width } of states) {
    layers += count;
    widths += (count * width) / tensorParallel;
  }
  return widths / layers;
}

/**
 * Numbers that hyper-connections of m streams move for a token in one layer, in widths of the model: before each half all
 * streams in and one out, after it the half's output and all streams in, and all out.
 */
const streamWidths = (streams: number) => (streams === 1 ? 0 : 2 * (3 * streams + 2));

/**
 * Microseconds that the norms, rotary embedding, cache write and activation of one layer take for so many tokens: each
 * moves its values about once (a norm finds half of them in the L2 cache). An estimate (`assumed`): no table has them.
 */
export function smallKernels(options: RooflineOptions, peaks: DevicePeaks): (tokens: number) => number {
  const { model, tensorParallel } = options;
  const projected = projectedWidth(model, tensorParallel);
  const widths = networkWidth(model) / tensorParallel;
  const streams = model.residualStreams ?? 1;
  const perTokenBytes = 2 * ((2 * 2 + streamWidths(streams)) * model.hiddenSize + 2 * projected + 3 * widths);
  const perTokenUs = perTokenBytes / (peaks.bytesPerUs * SMALL_KERNEL_BANDWIDTH_FRACTION);
  const count = (groups: readonly { readonly layers: number }[]) => groups.reduce((sum, { layers }) => sum + layers, 0);
  const stateLayers = count(model.states);
  const stateShare = stateLayers === 0 ? 0 : stateLayers / (stateLayers + count(model.attention));
  const kernels = SMALL_KERNELS_PER_LAYER + (model.moe === undefined ? 0 : 2) + STATE_KERNELS * stateShare;
  const fixedUs = SMALL_KERNEL_US * (kernels + (streams === 1 ? 0 : HYPER_CONNECTION_KERNELS));
  return (tokens) => fixedUs + tokens * perTokenUs;
}
