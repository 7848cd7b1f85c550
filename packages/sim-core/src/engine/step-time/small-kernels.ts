import type { DevicePeaks } from "./device.ts";
import type { RooflineOptions } from "./options.ts";

/** A short kernel under a graph; 2.4 to 2.7 us in the RTX PRO 6000 profile, with what it moves. */
const SMALL_KERNEL_US = 2;
const SMALL_KERNELS_PER_LAYER = 5;
const SMALL_KERNEL_BANDWIDTH_FRACTION = 0.9;

/**
 * Microseconds that the norms, rotary embedding, cache write and activation of one layer take for so many tokens: each
 * moves its values about once (a norm finds half of them in the L2 cache). An estimate (`assumed`): no table has them.
 */
export function smallKernels(options: RooflineOptions, peaks: DevicePeaks): (tokens: number) => number {
  const { model, tensorParallel } = options;
  const { hiddenSize, headDim, moe } = model;
  const projected = ((model.heads + 2 * model.kvHeads) / tensorParallel) * headDim;
  const widths =
    (moe === undefined ? model.intermediateSize : (moe.topK + moe.sharedExperts) * moe.intermediateSize) /
    tensorParallel;
  const perTokenBytes = 2 * (2 * 2 * hiddenSize + 2 * projected + 3 * widths);
  const perTokenUs = perTokenBytes / (peaks.bytesPerUs * SMALL_KERNEL_BANDWIDTH_FRACTION);
  const fixedUs = SMALL_KERNEL_US * (SMALL_KERNELS_PER_LAYER + (moe === undefined ? 0 : 2));
  return (tokens) => fixedUs + tokens * perTokenUs;
}
