import type { DecodeCurve, PrefillChunks, StepTimeModel } from "../../src/engine/step-time-model.ts";

/**
 * A step-time model with knots in awkward places and awkward fractions, to try the clock's arithmetic: nothing in it is
 * physics.
 */
export function bentStepTime(baseUs: number, perSeqUs: number, perTokenUs: number): StepTimeModel {
  const curves = new Map<number, DecodeCurve>();
  const curve = (seqs: number): DecodeCurve => {
    const known = curves.get(seqs);
    if (known !== undefined) return known;
    const contextTokens = Float64Array.of(0, 37 * seqs, 101 * seqs, 350 * seqs, 1201 * seqs);
    const base = baseUs + perSeqUs * seqs;
    const timeUs = contextTokens.map((tokens, at) => base + perTokenUs * tokens * (1 + at / 3));
    const made = { contextTokens, timeUs };
    curves.set(seqs, made);
    return made;
  };
  const decodeUs = (seqs: number, contextTokens: number): number => {
    if (seqs === 0) return 0;
    const { contextTokens: knots, timeUs } = curve(seqs);
    let piece = 0;
    while (piece + 2 < knots.length && knots[piece + 1]! < contextTokens) piece++;
    const slope = (timeUs[piece + 1]! - timeUs[piece]!) / (knots[piece + 1]! - knots[piece]!);
    return timeUs[piece]! + slope * (contextTokens - knots[piece]!);
  };
  return {
    decodeCurve: curve,
    mixedStepUs(seqs: number, contextTokens: number, chunks: PrefillChunks): number {
      let us = Math.max(decodeUs(seqs, contextTokens), baseUs);
      for (let at = 0; at < chunks.count; at++) {
        us += 3.3 * chunks.newTokens[at]! + 0.0021 * chunks.newTokens[at]! * chunks.cachedTokens[at]!;
      }
      return us;
    },
    floorUs: () => 0,
  };
}
