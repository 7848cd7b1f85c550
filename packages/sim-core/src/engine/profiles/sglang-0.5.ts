import type { Accelerator } from "../../hardware/accelerator.ts";
import type { EngineMemory, EngineVersion } from "../engine-version.ts";

/** `chunked_prefill_size` and `cuda_graph_max_bs` by the memory of a device, for tensor parallelism below 4. */
const BY_MEMORY = [
  { belowMib: 20 * 1024, chunkTokens: 2048, graphSequences: 8 },
  { belowMib: 35 * 1024, chunkTokens: 2048, graphSequences: 24 },
  { belowMib: 60 * 1024, chunkTokens: 4096, graphSequences: 32 },
  { belowMib: 160 * 1024, chunkTokens: 8192, graphSequences: 256 },
  { belowMib: Infinity, chunkTokens: 16384, graphSequences: 512 },
] as const;

const bySize = ({ memoryMib }: Accelerator) => BY_MEMORY.find(({ belowMib }) => memoryMib.value < belowMib)!;

/**
 * `mem_fraction_static`, of which the weights are a part: what is left of a device's memory without 512 MiB, 1.5 MiB a
 * token of a chunk and 2 MiB a sequence of the largest CUDA graph, those 10 GiB and more on devices above 60 GiB. Without
 * the 128 MiB more for each device that works on a step.
 */
function memory(accelerator: Accelerator): EngineMemory {
  const { chunkTokens, graphSequences } = bySize(accelerator);
  const capacityMib = accelerator.memoryMib.value;
  const neededMib = 512 + Math.max(chunkTokens, 2048) * 1.5 + graphSequences * 2;
  const keptMib = capacityMib > 60 * 1024 ? Math.max(neededMib, 10 * 1024) : neededMib;
  return { gpuMemoryUtilization: Math.round((1000 * (capacityMib - keptMib)) / capacityMib) / 1000, reserveBytes: 0 };
}

/**
 * SGLang 0.5 (0.5.3 to 0.5.5). Defaults from `python/sglang/srt/server_args.py`: pages of one token, first come first
 * served, prompts split at `chunked_prefill_size`, no mixed chunks. `maxNumBatchedTokens` is `chunked_prefill_size`, or
 * without chunked prefill `max_prefill_tokens`; `maxNumSeqs` is `max_running_requests`, whose default follows from the KV
 * cache's size and is 2048 at least (`ModelRunner.init_memory_pool`).
 *
 * Times of a step and of a request above the kernels are taken to be those of vLLM 0.19, whose scheduling overlaps with
 * the device's work as this one's does (`assumed`).
 */
export const sglang05: EngineVersion = {
  name: "sglang-0.5",
  summary: "SGLang 0.5: prefill before decode, memory by new_token_ratio, retraction",
  stepOverheadUs: 1_000,
  requestOverheadUs: 2_000,
  memory,
  settings: (accelerator) => ({
    scheduler: "sglang",
    maxNumSeqs: 2048,
    maxNumBatchedTokens: bySize(accelerator).chunkTokens,
    longPrefillTokenThreshold: 0,
    blockSizeTokens: 1,
    enablePrefixCaching: true,
    enableChunkedPrefill: true,
    schedulerReserveFullIsl: false,
    schedulingPolicy: "fcfs",
  }),
};
