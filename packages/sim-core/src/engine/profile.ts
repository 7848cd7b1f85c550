/** The scheduler's rules and limits, vLLM's own names. */
export interface EngineProfile {
  /** Which engine and version the rules follow, e.g. `vllm-0.19`. */
  readonly name: string;
  readonly maxNumSeqs: number;
  readonly maxNumBatchedTokens: number;
  /** Most prompt tokens that one request may prefill in a step; 0 = no limit. */
  readonly longPrefillTokenThreshold: number;
  readonly blockSizeTokens: number;
  readonly enablePrefixCaching: boolean;
  readonly enableChunkedPrefill: boolean;
  /** Admit a request only when blocks for its whole prompt are free (vLLM pull request 37307). */
  readonly schedulerReserveFullIsl: boolean;
  /**
   * Admit a request only when the blocks that it and all running ones will need to their ends are free, so that none is
   * ever preempted: the rule of TensorRT-LLM's GUARANTEED_NO_EVICT (`GuaranteedNoEvictScheduler` in
   * `cpp/tensorrt_llm/batch_manager/capacityScheduler.cpp`, commit 02a10fe), without its delay of prompts that another is
   * about to cache. A request is taken to ask for as many tokens as it gets, and has its hit already. What a `KvConnector`
   * loads is admitted without: it may preempt. Absent: false.
   */
  readonly guaranteedNoEvict?: boolean;
  readonly schedulingPolicy: "fcfs" | "priority";
  /** Whose rules fill a step; absent: vLLM's. */
  readonly scheduler?: "sglang";
  /** SGLang's `--schedule-conservativeness`; absent: 1. */
  readonly scheduleConservativeness?: number;
  readonly maxModelLenTokens: number;
  /** API server's time before the request reaches the scheduler. */
  readonly requestOverheadUs: number;
}

/**
 * The longest prompt that an engine takes where it computes prompts whole: what fits in a step. SGLang's has no such limit,
 * as the first prompt of a step may be longer.
 */
export const wholePromptTokens = (profile: EngineProfile): number =>
  profile.enableChunkedPrefill || profile.scheduler === "sglang" ? Infinity : profile.maxNumBatchedTokens;
