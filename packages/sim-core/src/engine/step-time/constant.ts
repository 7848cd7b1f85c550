import { ScenarioError } from "../../errors.ts";
import type { StepTimeModel } from "../step-time-model.ts";
import { noFloorUs } from "./no-floor.ts";

/**
 * Every step takes the same time, whatever is in it: the server of the closed-form queueing tests.
 *
 * @throws ScenarioError on a time that is not above 0
 */
export function createConstantStepTime({ stepUs }: { readonly stepUs: number }): StepTimeModel {
  if (!(stepUs > 0 && stepUs < Number.POSITIVE_INFINITY)) {
    throw new ScenarioError(`constant step time is ${stepUs} us, allowed: a number above 0`);
  }
  const curve = { contextTokens: Float64Array.of(0, 1), timeUs: Float64Array.of(stepUs, stepUs) };
  return { decodeCurve: () => curve, mixedStepUs: () => stepUs, floorUs: noFloorUs };
}
