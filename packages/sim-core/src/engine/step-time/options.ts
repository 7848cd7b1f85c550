import type { Accelerator } from "../../hardware/accelerator.ts";
import type { KvFormat, ModelArchitecture } from "../../model/architecture.ts";

/** What a roofline step-time model is made for. */
export interface RooflineOptions {
  readonly accelerator: Accelerator;
  readonly model: ModelArchitecture;
  readonly tensorParallel: number;
  /** Stages that the layers are cut into; default 1. */
  readonly pipelineParallel?: number;
  /** Parts that a step's batch is cut into under pipeline parallelism; default: the stages. */
  readonly microbatches?: number;
  /** Ranks with attention of their own that share the experts, each with a batch like this one; default 1. */
  readonly dataParallel?: number;
  /** Ranks that the routed experts are spread over, of tensorParallel x dataParallel; default 1: sliced. */
  readonly expertParallel?: number;
  /** Load of the hottest of those ranks over the mean; default 1. */
  readonly expertSkew?: number;
  /** Name of an engine profile, e.g. `vllm-0.19`: decides the overhead of a step. */
  readonly engineVersion: string;
  readonly maxNumBatchedTokens: number;
  readonly maxModelLenTokens: number;
  readonly kvFormat?: KvFormat;
  /** Drafts of each sequence that a step verifies beside the token after them; default 0. */
  readonly draftTokens?: number;
  /** In place of the engine version's overhead above the summed kernel times. */
  readonly stepOverheadUs?: number;
}
