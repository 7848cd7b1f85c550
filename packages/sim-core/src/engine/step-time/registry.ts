import { createConstantStepTime } from "./constant.ts";
import { createLinearStepTime } from "./linear.ts";
import { createRooflineStepTime } from "./roofline.ts";
import { createTableStepTime } from "./table.ts";

/** Every step-time model by the name that a scenario gives it; the first is the default. */
export const STEP_TIME_MODELS = {
  roofline: createRooflineStepTime,
  constant: createConstantStepTime,
  linear: createLinearStepTime,
  table: createTableStepTime,
} as const;

/** Name of a step-time model. */
export type StepTimeModelName = keyof typeof STEP_TIME_MODELS;
