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
  readonly schedulingPolicy: "fcfs" | "priority";
  readonly maxModelLenTokens: number;
  /** API server's time before the request reaches the scheduler. */
  readonly requestOverheadUs: number;
}
