import { attentionFormat, countParameters, networkFormat } from "../../model/parameters.ts";
import type { PrefillChunks, StepTimeModel } from "../step-time-model.ts";
import type { MixerTime } from "./attention.ts";
import { type DevicePeaks, linearFormat } from "./device.ts";
import { touchedExperts } from "./ideal.ts";
import type { RooflineOptions } from "./options.ts";

/** Time of all linear layers for so many tokens, of which `rows` sample. */
type LinearFloor = (tokens: number, rows: number) => number;

function linearFloor(options: RooflineOptions, peaks: DevicePeaks): LinearFloor {
  const { model, tensorParallel, dataParallel = 1 } = options;
  const { moe } = model;
  const { attention, network, routed } = countParameters(model);
  const parts = [
    { weights: attention / tensorParallel, format: linearFormat(peaks, attentionFormat(model)) },
    { weights: network / tensorParallel, format: linearFormat(peaks, networkFormat(model)) },
  ];
  const experts = linearFormat(peaks, model.weightFormat);
  const perExpert = moe === undefined ? 0 : routed / moe.experts / tensorParallel;
  const headWeights = (model.vocabSize * model.hiddenSize) / tensorParallel;
  const alwaysBytes = parts.reduce((sum, { weights, format }) => sum + weights * format.weightBytes, 0);
  const alwaysUs = parts.reduce((sum, { weights, format }) => sum + (2 * weights) / format.flopsPerUs, 0);
  const expertUs = moe === undefined ? 0 : (2 * perExpert * moe.topK) / experts.flopsPerUs;
  return (tokens, rows) => {
    const touched = moe === undefined ? 0 : touchedExperts(moe.experts, moe.topK, tokens * dataParallel);
    const expertBytes = (touched * perExpert * experts.weightBytes) / dataParallel;
    const bytes = alwaysBytes + expertBytes + (rows > 0 ? 2 * headWeights : 0);
    const flopsUs = tokens * (alwaysUs + expertUs) + (2 * rows * headWeights) / peaks.bfloat16FlopsPerUs;
    return Math.max(flopsUs, bytes / peaks.bytesPerUs);
  };
}

/**
 * What the hardware cannot beat: the larger of all linear layers' FLOPs at peak and their weights at full bandwidth (each
 * once, of the experts only those touched), plus attention's own roofline. No overhead, launches or collectives.
 */
export function hardwareFloor(
  options: RooflineOptions,
  peaks: DevicePeaks,
  mixers: readonly MixerTime[],
): StepTimeModel["floorUs"] {
  const linearUs = linearFloor(options, peaks);
  const queries = (options.draftTokens ?? 0) + 1;
  return (decodeSeqs: number, decodeContextTokens: number, chunks: PrefillChunks): number => {
    let tokens = decodeSeqs * queries;
    for (let i = 0; i < chunks.count; i++) tokens += chunks.newTokens[i]!;
    let us = linearUs(tokens, decodeSeqs * queries + chunks.completing);
    for (const { layers, time } of mixers) {
      let attentionUs = decodeSeqs > 0 ? time.decodeIdealUs(decodeSeqs, decodeContextTokens) : 0;
      for (let i = 0; i < chunks.count; i++) {
        attentionUs += time.prefillIdealUs(chunks.newTokens[i]!, chunks.cachedTokens[i]!);
      }
      us += layers * attentionUs;
    }
    return us;
  };
}
