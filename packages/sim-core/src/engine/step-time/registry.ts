import { createConstantStepTime } from "./constant.ts";
import { createLinearStepTime } from "./linear.ts";
import { createRooflineStepTime } from "./roofline.ts";
import { createSpeculativeStepTime } from "./speculative.ts";
import { createTableStepTime } from "./table.ts";

/** Every step-time model by name, the default first; `speculative` is the roofline of an engine that speculates. */
export const STEP_TIME_MODELS = {
  roofline: createRooflineStepTime,
  constant: createConstantStepTime,
  linear: createLinearStepTime,
  speculative: createSpeculativeStepTime,
  table: createTableStepTime,
} as const;

/** Name of a step-time model. */
export type StepTimeModelName = keyof typeof STEP_TIME_MODELS;
