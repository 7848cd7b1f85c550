import { ScenarioError } from "../../errors.ts";
import type { DecodeCurve, PrefillChunks, StepTimeModel } from "../step-time-model.ts";
import { attendedPairs } from "./ideal.ts";
import { noFloorUs } from "./no-floor.ts";

/** Coefficients of a linear fit: a step costs `baseUs`, plus so much for each token, and for each token attended to. */
export interface LinearStepTimeOptions {
  readonly baseUs: number;
  readonly perTokenUs: number;
  readonly perContextTokenUs: number;
}

/**
 * A step time linear in tokens and context: base + perToken x tokens + perContextToken x context, where a prefill chunk
 * counts each pair of a new token and one that it attends to.
 *
 * @throws ScenarioError on a coefficient below 0, or when all are 0
 */
export function createLinearStepTime(options: LinearStepTimeOptions): StepTimeModel {
  const { baseUs, perTokenUs, perContextTokenUs } = options;
  for (const [name, value] of Object.entries(options)) {
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) {
      throw new ScenarioError(`linear step time: ${name} is ${value}, allowed: a number of 0 or more`);
    }
  }
  if (baseUs + perTokenUs <= 0) {
    throw new ScenarioError("linear step time: baseUs and perTokenUs are both 0, allowed: one above 0");
  }
  const curves: (DecodeCurve | undefined)[] = [];
  const decodeUs = (seqs: number, contextTokens: number) =>
    baseUs + perTokenUs * seqs + perContextTokenUs * contextTokens;
  const decodeCurve = (seqs: number): DecodeCurve => {
    const known = curves[seqs];
    if (known !== undefined) return known;
    const timeUs = Float64Array.of(decodeUs(seqs, 0), decodeUs(seqs, 1));
    const curve = { contextTokens: Float64Array.of(0, 1), timeUs };
    curves[seqs] = curve;
    return curve;
  };
  const mixedStepUs = (decodeSeqs: number, decodeContextTokens: number, chunks: PrefillChunks): number => {
    let stepUs = decodeUs(decodeSeqs, decodeContextTokens);
    for (let i = 0; i < chunks.count; i++) {
      const newTokens = chunks.newTokens[i]!;
      stepUs += perTokenUs * newTokens + perContextTokenUs * attendedPairs(newTokens, chunks.cachedTokens[i]!);
    }
    return stepUs;
  };
  return { decodeCurve, mixedStepUs, floorUs: noFloorUs };
}
