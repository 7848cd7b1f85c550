import type { EngineVersion } from "../engine-version.ts";
import { VLLM_MEMORY, vllmSettings } from "./vllm-settings.ts";

/**
 * vLLM 0.19, V1 engine. Step overhead: about 1 ms above summed kernels in the measured run with asynchronous scheduling
 * (RTX PRO 6000, Llama-3.1-8B, batch 128: kernels 25.7 ms, steps 26.3 to 27.0).
 *
 * Request overhead: in that run a request enters the scheduler's queue 15.1 ms (median) after it reached the API server,
 * of which half a step of 26 ms is the wait for the step under way, which the simulator has anyway: 2 ms are left.
 */
export const vllm019: EngineVersion = {
  name: "vllm-0.19",
  summary: "vLLM 0.19, V1 engine",
  stepOverheadUs: 1_000,
  servesAdapters: true,
  memory: () => VLLM_MEMORY,
  requestOverheadUs: 2_000,
  // Admits only when blocks for the whole prompt are free: vLLM pull request 37307, March 2026.
  settings: (accelerator) => vllmSettings(accelerator, true),
};
