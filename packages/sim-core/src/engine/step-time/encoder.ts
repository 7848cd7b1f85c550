import type { Accelerator } from "../../hardware/accelerator.ts";
import { PREFILL_AXES } from "../../hardware/efficiency/axes.ts";
import { efficiencyOf } from "../../hardware/efficiency/efficiency-of.ts";
import { logGrid } from "../../hardware/efficiency/operator-efficiencies.ts";
import { SlowdownTable } from "../../hardware/efficiency/slowdown-table.ts";
import type { VisionEncoder } from "../../model/vision-encoder.ts";
import type { EncoderTimeModel } from "../encoder-time-model.ts";
import { allReduceTime } from "./collectives.ts";
import { devicePeaks } from "./device.ts";
import { prefillAttentionIdealUs } from "./ideal.ts";
import { LinearLayers, type Widths } from "./linear-layers.ts";

/** Heads of the measured kernels are this wide; others count by their width. */
const MEASURED_HEAD_DIM = 128;

/** What an encoder runs on. */
export interface EncoderOptions {
  readonly accelerator: Accelerator;
  readonly vision: VisionEncoder;
  /** Of the language model. */
  readonly hiddenSize: number;
  readonly tensorParallel: number;
}

/**
 * A vision encoder's forward pass over the patches of all items of a step, as vLLM 0.19 runs it before the language model's
 * (`v1/worker/gpu_model_runner.py`, `_execute_mm_encoder`): linear layers over all patches together, attention of each
 * item's patches to one another without a mask, and projectors from the patches of a token to one embedding. The same
 * rooflines and fitted efficiencies as the language model's; norms, activations and image preprocessing are left out. The
 * items of a step count as of one length, that of the mean pair.
 */
export function createEncoderTime({
  accelerator,
  vision,
  hiddenSize,
  tensorParallel,
}: EncoderOptions): EncoderTimeModel {
  const peaks = devicePeaks(accelerator);
  const linear = new LinearLayers({ accelerator }, peaks, "bfloat16");
  const attentionUs = itemAttention({ accelerator, vision, hiddenSize, tensorParallel });
  const allReduceUs = allReduceTime(accelerator, tensorParallel);
  const { hiddenSize: width, intermediateSize, patchesPerToken, patchSize, layers, projectors } = vision;
  const merged = width * patchesPerToken;
  const part = (size: number) => Math.ceil(size / tensorParallel);
  const layerWidths: Widths[] = [
    [3 * part(width), width],
    [width, part(width)],
    [part(intermediateSize), width],
    [width, part(intermediateSize)],
  ];
  const projectorWidths: Widths[] = [
    [part(merged), merged],
    [hiddenSize, part(merged)],
  ];
  const sum = (tokens: number, widths: readonly Widths[]) =>
    widths.reduce((us, matrix) => us + linear.plainUs(tokens, matrix), 0);
  return {
    encodeUs(items, tokens, squaredTokens) {
      if (items === 0) return 0;
      const patches = tokens * patchesPerToken;
      const itemTokens = squaredTokens / tokens;
      const layerUs =
        sum(patches, layerWidths) +
        attentionUs(tokens / itemTokens, itemTokens * patchesPerToken) +
        2 * allReduceUs(patches * width);
      const projectorUs = sum(tokens, projectorWidths) + allReduceUs(tokens * hiddenSize);
      return linear.plainUs(patches, [width, 3 * patchSize * patchSize]) + layers * layerUs + projectors * projectorUs;
    },
  };
}

/** Attention of one layer: `items` times so many patches, each to all of its item, twice the pairs of a causal prompt. */
function itemAttention(options: EncoderOptions): (items: number, patches: number) => number {
  const { accelerator, vision, tensorParallel } = options;
  const peaks = devicePeaks(accelerator);
  const heads = Math.ceil(vision.heads / tensorParallel);
  const headDim = vision.hiddenSize / vision.heads;
  const table = new SlowdownTable(logGrid(PREFILL_AXES, efficiencyOf(accelerator).efficiencies.prefillAttention));
  return (items, patches) => {
    const ideal = prefillAttentionIdealUs(peaks, { heads, kvHeads: heads, headDim }, patches, 0, patches * patches);
    return items * ideal * table.at(patches, (heads * headDim * items) / MEASURED_HEAD_DIM);
  };
}
