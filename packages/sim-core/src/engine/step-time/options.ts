import type { Accelerator } from "../../hardware/accelerator.ts";
import type { KvFormat, ModelArchitecture } from "../../model/architecture.ts";

/** What a roofline step-time model is made for. */
export interface RooflineOptions {
  readonly accelerator: Accelerator;
  readonly model: ModelArchitecture;
  readonly tensorParallel: number;
  /** Name of an engine profile, e.g. `vllm-0.19`: decides the overhead of a step. */
  readonly engineVersion: string;
  readonly maxNumBatchedTokens: number;
  readonly maxModelLenTokens: number;
  readonly kvFormat?: KvFormat;
  /** In place of the engine version's overhead above the summed kernel times. */
  readonly stepOverheadUs?: number;
}
