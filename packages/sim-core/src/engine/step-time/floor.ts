import { countParameters, WEIGHT_BYTES } from "../../model/parameters.ts";
import type { PrefillChunks, StepTimeModel } from "../step-time-model.ts";
import type { AttentionTime } from "./attention.ts";
import { type DevicePeaks, linearFormat } from "./device.ts";
import { touchedExperts } from "./ideal.ts";
import type { RooflineOptions } from "./options.ts";

/**
 * What the hardware cannot beat: the larger of all linear layers' FLOPs at peak and their weights at full bandwidth (each
 * once, of the experts only those touched), plus attention's own roofline. No overhead, launches or collectives.
 */
export function hardwareFloor(
  options: RooflineOptions,
  peaks: DevicePeaks,
  attention: AttentionTime,
): StepTimeModel["floorUs"] {
  const { model, tensorParallel } = options;
  const { layers, hiddenSize, vocabSize, moe } = model;
  const format = linearFormat(peaks, model.weightFormat);
  const expertLayers = moe === undefined ? 0 : layers - moe.denseLayers;
  const expertWeights = (expertLayers * 3 * hiddenSize * (moe?.intermediateSize ?? 0)) / tensorParallel;
  const alwaysWeights = countParameters(model).linear / tensorParallel - expertWeights * (moe?.experts ?? 0);
  const activeWeights = alwaysWeights + expertWeights * (moe?.topK ?? 0);
  const headWeights = (vocabSize * hiddenSize) / tensorParallel;
  const linearUs = (tokens: number, rows: number): number => {
    const touched = moe === undefined ? 0 : touchedExperts(moe.experts, moe.topK, tokens) * expertWeights;
    const bytes = (alwaysWeights + touched) * WEIGHT_BYTES[model.weightFormat] + (rows > 0 ? 2 * headWeights : 0);
    const flopsUs =
      (2 * tokens * activeWeights) / format.flopsPerUs + (2 * rows * headWeights) / peaks.bfloat16FlopsPerUs;
    return Math.max(flopsUs, bytes / peaks.bytesPerUs);
  };
  return (decodeSeqs: number, decodeContextTokens: number, chunks: PrefillChunks): number => {
    const window = model.slidingWindowTokens;
    const context = window > 0 ? Math.min(decodeContextTokens, decodeSeqs * window) : decodeContextTokens;
    let tokens = decodeSeqs;
    let attentionUs = decodeSeqs > 0 ? attention.decodeIdealUs(context) : 0;
    for (let i = 0; i < chunks.count; i++) {
      tokens += chunks.newTokens[i]!;
      attentionUs += attention.prefillIdealUs(chunks.newTokens[i]!, chunks.cachedTokens[i]!);
    }
    return linearUs(tokens, decodeSeqs + chunks.completing) + layers * attentionUs;
  };
}
