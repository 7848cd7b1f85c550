import type { EngineProfile } from "../engine/profile.ts";
import { createRooflineStepTime } from "../engine/step-time/roofline.ts";
import type { DecodeCurve, PrefillChunks, StepTimeModel } from "../engine/step-time-model.ts";
import type { Accelerator } from "../hardware/accelerator.ts";
import type { ModelArchitecture } from "../model/architecture.ts";
import type { ScenarioPool } from "./schema.ts";

interface StepTimeFacts {
  readonly accelerator: Accelerator;
  readonly model: ModelArchitecture;
  readonly profile: EngineProfile;
}

/** The step-time model that a pool asks for. */
export function createStepTime({ stepTime, tensorParallel }: ScenarioPool, facts: StepTimeFacts): StepTimeModel {
  switch (stepTime.model) {
    case "constant":
      return linear(stepTime.step, 0, 0);
    case "linear":
      return linear(stepTime.base, stepTime.perTokenUs, stepTime.perContextTokenUs);
    case "roofline":
      return createRooflineStepTime({
        accelerator: facts.accelerator,
        model: facts.model,
        tensorParallel,
        engineVersion: facts.profile.name,
        maxNumBatchedTokens: facts.profile.maxNumBatchedTokens,
        maxModelLenTokens: facts.profile.maxModelLenTokens,
      });
  }
}

function linear(baseUs: number, perTokenUs: number, perContextTokenUs: number): StepTimeModel {
  const curves = new Map<number, DecodeCurve>();
  return {
    decodeCurve: (seqs) => {
      let curve = curves.get(seqs);
      if (!curve) {
        const us = baseUs + perTokenUs * seqs;
        curve = { contextTokens: Float64Array.of(0, 1e6), timeUs: Float64Array.of(us, us + perContextTokenUs * 1e6) };
        curves.set(seqs, curve);
      }
      return curve;
    },
    mixedStepUs: (decodeSeqs: number, decodeContextTokens: number, chunks: PrefillChunks) => {
      let tokens = decodeSeqs;
      for (let i = 0; i < chunks.count; i++) tokens += chunks.newTokens[i]!;
      return baseUs + perTokenUs * tokens + perContextTokenUs * decodeContextTokens;
    },
    floorUs: () => 0,
  };
}
