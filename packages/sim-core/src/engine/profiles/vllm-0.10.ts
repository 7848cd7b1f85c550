import type { EngineVersion } from "../engine-version.ts";
import { VLLM_MEMORY, vllmSettings } from "./vllm-settings.ts";

/**
 * vLLM 0.10, V1 engine, which prepared each batch after the one before it had ended (`assumed`: 2 ms more than 0.19). Time
 * to first token of Llama-3.1-70B points of 2025 at four concurrent requests is 11 to 26 ms above the model's prefill.
 */
export const vllm010: EngineVersion = {
  name: "vllm-0.10",
  summary: "vLLM 0.10, V1 engine",
  stepOverheadUs: 3_000,
  servesAdapters: true,
  memory: () => VLLM_MEMORY,
  requestOverheadUs: 12_000,
  settings: (accelerator) => vllmSettings(accelerator, false),
};
