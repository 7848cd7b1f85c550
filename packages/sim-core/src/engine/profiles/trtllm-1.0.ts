import type { EngineVersion } from "../engine-version.ts";
import { VLLM_MEMORY } from "./vllm-settings.ts";

/**
 * TensorRT-LLM 1.0, in-flight batching. A step has all generating requests and, for what is left of its tokens, prompts in
 * the order of their arrival (`MicroBatchScheduler`, `cpp/tensorrt_llm/batch_manager/microBatchScheduler.cpp`): whole ones,
 * as chunked context is off by default. Who comes in has memory up to its end (`GuaranteedNoEvictScheduler`,
 * `capacityScheduler.cpp`, commit 02a10fe), so nobody is paused. With `guaranteedNoEvict: false` the policy is
 * MAX_UTILIZATION: who finds no block pauses the one that started last, which computes anew and keeps its place before all
 * that came after it, as vLLM's preempted do. With `enableChunkedPrefill` chunks go by FIRST_COME_FIRST_SERVED.
 *
 * Defaults: `max_batch_size` 2048, `max_num_tokens` 8192, `tokens_per_block` 32, block reuse on (`BuildConfig` and
 * `KvCacheConfig` of `tensorrt_llm/llmapi/llm_args.py`).
 *
 * Simplified: a request asks for as many tokens as it gets; one whose prompt another of the same step computes does not
 * wait a step for it, but finds the blocks at once, as vLLM's. Memory is shared out as vLLM does it, and times above the
 * kernels are those of vLLM 0.19 (`assumed`); `free_gpu_memory_fraction` is 0.9 of what weights and activations leave.
 */
export const trtllm10: EngineVersion = {
  name: "trtllm-1.0",
  summary: "TensorRT-LLM 1.0: in-flight batching, GUARANTEED_NO_EVICT, whole prompts",
  stepOverheadUs: 1_000,
  requestOverheadUs: 2_000,
  memory: () => VLLM_MEMORY,
  settings: () => ({
    maxNumSeqs: 2048,
    maxNumBatchedTokens: 8192,
    longPrefillTokenThreshold: 0,
    blockSizeTokens: 32,
    enablePrefixCaching: true,
    enableChunkedPrefill: false,
    schedulerReserveFullIsl: false,
    guaranteedNoEvict: true,
    schedulingPolicy: "fcfs",
  }),
};
