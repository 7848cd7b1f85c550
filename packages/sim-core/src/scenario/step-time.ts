import type { EngineProfile } from "../engine/profile.ts";
import { createConstantStepTime } from "../engine/step-time/constant.ts";
import { createLinearStepTime } from "../engine/step-time/linear.ts";
import type { RooflineOptions } from "../engine/step-time/options.ts";
import { createRooflineStepTime } from "../engine/step-time/roofline.ts";
import { createSpeculativeStepTime } from "../engine/step-time/speculative.ts";
import { createTableStepTime } from "../engine/step-time/table.ts";
import type { StepTimeModel } from "../engine/step-time-model.ts";
import { ScenarioError } from "../errors.ts";
import type { Accelerator } from "../hardware/accelerator.ts";
import type { KvFormat, ModelArchitecture } from "../model/architecture.ts";
import { parallelLayout } from "./parallelism.ts";
import type { ScenarioPool } from "./schema.ts";
import { speculationOf } from "./speculative-schema.ts";

/** What a step-time model may depend on besides its own coefficients. */
interface StepTimeFacts {
  readonly accelerator: Accelerator;
  readonly model: ModelArchitecture;
  readonly profile: EngineProfile;
  readonly kvFormat: KvFormat;
}

/**
 * The step-time model that a pool asks for.
 *
 * @throws ScenarioError for coefficients or hardware that make no model
 */
export function createStepTime(pool: ScenarioPool, facts: StepTimeFacts): StepTimeModel {
  const { stepTime } = pool;
  const { speculative } = pool.engine;
  if (speculative !== undefined && stepTime.model !== "roofline") {
    throw new ScenarioError(`engine.speculative needs stepTime.model roofline, found "${stepTime.model}"`);
  }
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
      return speculative === undefined
        ? createRooflineStepTime(rooflineOptions(pool, facts, stepTime.stepOverhead))
        : createSpeculativeStepTime(rooflineOptions(pool, facts, stepTime.stepOverhead), speculationOf(speculative));
  }
}

function rooflineOptions(pool: ScenarioPool, facts: StepTimeFacts, stepOverheadUs?: number): RooflineOptions {
  const layout = parallelLayout(pool);
  return {
    accelerator: facts.accelerator,
    model: facts.model,
    tensorParallel: layout.tensor,
    pipelineParallel: layout.pipeline,
    microbatches: layout.microbatches,
    dataParallel: layout.data,
    expertParallel: layout.expert,
    expertSkew: layout.expertSkew,
    engineVersion: facts.profile.name,
    maxNumBatchedTokens: facts.profile.maxNumBatchedTokens,
    maxModelLenTokens: facts.profile.maxModelLenTokens,
    kvFormat: facts.kvFormat,
    ...(stepOverheadUs === undefined ? {} : { stepOverheadUs }),
  };
}
