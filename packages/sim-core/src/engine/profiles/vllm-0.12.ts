import type { EngineVersion } from "../engine-version.ts";
import { VLLM_MEMORY, vllmSettings } from "./vllm-settings.ts";

/**
 * vLLM 0.12, V1 engine, which prepares each batch after the output of the one before it (asynchronous scheduling is off
 * unless asked for): what it does for each sequence on the CPU is part of the step. Overheads: fitted to TPOT of 87 points of
 * Qwen3-32B on H100 at 8 to 128 concurrent requests (`scripts/fit/report.ts`), of which the slope is alike at TP 2, 4 and 8.
 *
 * Request overhead: TTFT of Llama-3.1-70B points of 2025 at four concurrent requests is 11 to 26 ms above the model's
 * prefill.
 */
export const vllm012: EngineVersion = {
  name: "vllm-0.12",
  summary: "vLLM 0.12, V1 engine",
  stepOverheadUs: 1_200,
  stepOverheadPerSequenceUs: 48,
  servesAdapters: true,
  memory: () => VLLM_MEMORY,
  requestOverheadUs: 12_000,
  settings: (accelerator) => vllmSettings(accelerator, false),
};
