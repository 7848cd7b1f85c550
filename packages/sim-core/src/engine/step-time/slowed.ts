import type { DecodeCurve, StepTimeModel } from "../step-time-model.ts";

/** A model whose every step takes `factor` times as long, 1 or more. */
export function slowedStepTime(model: StepTimeModel, factor: number): StepTimeModel {
  if (factor === 1) return model;
  const curves = new Map<number, DecodeCurve>();
  return {
    decodeCurve(seqs) {
      const known = curves.get(seqs);
      if (known !== undefined) return known;
      const { contextTokens, timeUs } = model.decodeCurve(seqs);
      const made = { contextTokens, timeUs: timeUs.map((us) => us * factor) };
      curves.set(seqs, made);
      return made;
    },
    mixedStepUs: (seqs, contextTokens, chunks) => factor * model.mixedStepUs(seqs, contextTokens, chunks),
    floorUs: (seqs, contextTokens, chunks) => model.floorUs(seqs, contextTokens, chunks),
  };
}
