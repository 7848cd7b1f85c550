import type { MultimodalItems } from "./multimodal-items.ts";

/**
 * Requests as columns, a row per request. What the router may see of a row is `InferenceRequest`; `outputTokens` is
 * the oracle's.
 */
export interface Workload {
  readonly name: string;
  readonly count: number;
  /**
   * Integer microseconds from the start, non-decreasing within a stage; for a row with `releasedBy` the delay after
   * that request's end (think time) instead.
   */
  readonly arrivalUs: Float64Array;
  readonly promptTokens: Int32Array;
  /** Tokens that the model will generate, at least 1. */
  readonly outputTokens: Int32Array;
  /** What prompts share; absent when no two prompts share anything. */
  readonly segments?: PromptSegments;
  /** What prompts hold beside text; absent when none holds anything. */
  readonly items?: MultimodalItems;
  /** Row whose end releases this row (the previous turn of a session), or -1. */
  readonly releasedBy?: Int32Array;
  /** Load stages, in order and covering all rows; absent = one open-loop stage. */
  readonly stages?: readonly WorkloadStage[];
  /** Class (tenant, application, type) of each row, an index into `classes`. */
  readonly classOf?: Uint8Array;
  readonly classes?: readonly WorkloadClass[];
  /**
   * LoRA adapter that each row asks for, an index into `adapters`, or -1 for the model itself. Prompts of different
   * adapters have no segment in common (`separateByAdapter`).
   */
  readonly adapterOf?: Int32Array;
  /** Names of the adapters, which are model names to a router. */
  readonly adapters?: readonly string[];
}

export interface WorkloadClass {
  readonly name: string;
  readonly priority: number;
  readonly ttftSloUs?: number;
  readonly tpotSloUs?: number;
}

/**
 * Prompts as chains of segments, in CSR form: row r has entries offsets[r] to offsets[r+1].
 *
 * A segment id names a stream of tokens together with everything before it: equal ids mean equal whole prefixes, so a
 * prefix of a prompt is identified by (id of the segment that holds its last token, its length in tokens). Two prompts
 * that use different lengths of the same segment share the shorter one.
 */
export interface PromptSegments {
  readonly offsets: Int32Array;
  /** Non-negative, below `idCount`. */
  readonly ids: Int32Array;
  /** Prompt tokens up to the end of the segment, ascending within a row; the last is the row's promptTokens. */
  readonly endTokens: Int32Array;
  readonly idCount: number;
  /** Segment that the row's generated tokens continue (so that a next turn can name them), or -1. */
  readonly outputIds?: Int32Array;
}

/** A stage starts when every request of the one before has ended, plus `startDelayUs`. */
export interface WorkloadStage {
  readonly name: string;
  readonly firstRow: number;
  readonly rows: number;
  /** Arrival times of the stage's rows count from its start. */
  readonly startDelayUs: number;
  /** Closed loop: at most this many in flight, the next row sent when one ends; arrival times are then not used. */
  readonly concurrency?: number;
  /**
   * Open loop with a bounded client: a row whose time has come waits in the client until fewer than this are in flight,
   * and that wait is in no latency.
   */
  readonly maxInFlight?: number;
}
