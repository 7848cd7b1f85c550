import type { Accelerator } from "../../hardware/accelerator.ts";
import type { EngineMemory, EngineSettings } from "../engine-version.ts";

/**
 * vLLM's `--gpu-memory-utilization`, and the activations and memory outside the tensor allocator that the engine keeps
 * clear on each device: 3.4 GiB. Fitted: 3.15 from 9,271 blocks of Qwen3-32B BF16 on 2 H100 at 0.65, 3.66 from 307,328
 * tokens of it at 0.90.
 */
export const VLLM_MEMORY: EngineMemory = { gpuMemoryUtilization: 0.9, reserveBytes: Math.round(3.4 * 2 ** 30) };

const LARGE_DEVICE_MIB = 70 * 1024;

/**
 * vLLM's API server takes 8192 tokens and 1024 sequences a step on devices of 70 GiB and more, 2048 and 256 on smaller ones
 * and on A100.
 */
export function vllmSettings(accelerator: Accelerator, schedulerReserveFullIsl: boolean): EngineSettings {
  const large = accelerator.memoryMib.value >= LARGE_DEVICE_MIB && !accelerator.id.startsWith("a100");
  return {
    maxNumSeqs: large ? 1024 : 256,
    maxNumBatchedTokens: large ? 8192 : 2048,
    longPrefillTokenThreshold: 0,
    blockSizeTokens: 16,
    enablePrefixCaching: true,
    enableChunkedPrefill: true,
    schedulerReserveFullIsl,
    schedulingPolicy: "fcfs",
  };
}
