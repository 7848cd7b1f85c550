import type { EngineProfile } from "../engine/profile.ts";
import { createConstantStepTime } from "../engine/step-time/constant.ts";
import { createLinearStepTime } from "../engine/step-time/linear.ts";
import { createRooflineStepTime } from "../engine/step-time/roofline.ts";
import { createTableStepTime } from "../engine/step-time/table.ts";
import type { StepTimeModel } from "../engine/step-time-model.ts";
import type { Accelerator } from "../hardware/accelerator.ts";
import type { ModelArchitecture } from "../model/architecture.ts";
import type { ScenarioPool } from "./schema.ts";

/** What a step-time model may depend on besides its own coefficients. */
interface StepTimeFacts {
  readonly accelerator: Accelerator;
  readonly model: ModelArchitecture;
  readonly profile: EngineProfile;
}

/**
 * The step-time model that a pool asks for.
 *
 * @throws ScenarioError for coefficients or hardware that make no model
 */
export function createStepTime({ stepTime, tensorParallel }: ScenarioPool, facts: StepTimeFacts): StepTimeModel {
  switch (stepTime.model) {
    case "constant":
      return createConstantStepTime({ stepUs: stepTime.step });
    case "linear":
      return createLinearStepTime({
        baseUs: stepTime.base,
        perTokenUs: stepTime.perTokenUs,
        perContextTokenUs: stepTime.perContextTokenUs,
      });
    case "table":
      return createTableStepTime(stepTime);
    case "roofline":
      return createRooflineStepTime({
        accelerator: facts.accelerator,
        model: facts.model,
        tensorParallel,
        engineVersion: facts.profile.name,
        maxNumBatchedTokens: facts.profile.maxNumBatchedTokens,
        maxModelLenTokens: facts.profile.maxModelLenTokens,
        ...(stepTime.stepOverhead === undefined ? {} : { stepOverheadUs: stepTime.stepOverhead }),
      });
  }
}
