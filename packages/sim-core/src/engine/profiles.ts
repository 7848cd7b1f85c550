import { didYouMean, ScenarioError } from "../errors.ts";
import type { Accelerator } from "../hardware/accelerator.ts";
import type { EngineProfile } from "./profile.ts";

/** vLLM's `--gpu-memory-utilization` where none is given. */
export const DEFAULT_GPU_MEMORY_UTILIZATION = 0.9;

const LARGE_DEVICE_MIB = 70 * 1024;

/** What an engine version decides. */
interface EngineEra {
  /** Admit only when blocks for the whole prompt are free (vLLM pull request 37307, March 2026). */
  readonly schedulerReserveFullIsl: boolean;
  /** Time above the summed kernel times of a step: scheduling, launches, sampling, output. */
  readonly stepOverheadUs: number;
  readonly requestOverheadUs: number;
}

/**
 * Engine versions. Step overhead above summed kernels: about 1 ms in the measured vLLM 0.19 run with asynchronous
 * scheduling (RTX PRO 6000, Llama-3.1-8B, batch 128: kernels 25.7 ms, steps 26.3 to 27.0); the engine of 0.10 prepared
 * each batch after the one before it had ended (`assumed`: 2 ms more).
 *
 * Request overhead: in that run a request enters the scheduler's queue 15.1 ms (median) after it reached the API server,
 * of which half a step of 26 ms is the wait for the step under way, which the simulator has anyway: 2 ms are left. Time
 * to first token of Llama-3.1-70B points of 2025 at four concurrent requests is 11 to 26 ms above the model's prefill.
 */
const ERAS: Readonly<Record<string, EngineEra>> = {
  "vllm-0.19": { schedulerReserveFullIsl: true, stepOverheadUs: 1_000, requestOverheadUs: 2_000 },
  "vllm-0.10": { schedulerReserveFullIsl: false, stepOverheadUs: 3_000, requestOverheadUs: 12_000 },
};

/** Names of the engine profiles; the first is the default. */
const ENGINE_PROFILES: readonly string[] = Object.keys(ERAS);

function eraNamed(name: string): EngineEra {
  const era = ERAS[name];
  if (era !== undefined) return era;
  const near = didYouMean(name, ENGINE_PROFILES);
  throw new ScenarioError(`unknown engine profile "${name}"${near}; known: ${ENGINE_PROFILES.join(", ")}`);
}

/** Time of a step above its summed kernel times. @throws ScenarioError on an unknown profile */
export function stepOverheadUs(profileName: string): number {
  return eraNamed(profileName).stepOverheadUs;
}

/**
 * The defaults of an engine version on a device: vLLM's API server takes 8192 tokens and 1024 sequences a step on devices
 * of 70 GiB and more, 2048 and 256 on smaller ones and on A100.
 *
 * @throws ScenarioError on an unknown profile name
 */
export function engineProfile(
  name: string,
  accelerator: Accelerator,
  maxModelLenTokens: number,
  overrides: Partial<Omit<EngineProfile, "name" | "maxModelLenTokens">> = {},
): EngineProfile {
  const era = eraNamed(name);
  const large = accelerator.memoryMib.value >= LARGE_DEVICE_MIB && !accelerator.id.startsWith("a100");
  return {
    name,
    maxNumSeqs: large ? 1024 : 256,
    maxNumBatchedTokens: large ? 8192 : 2048,
    longPrefillTokenThreshold: 0,
    blockSizeTokens: 16,
    enablePrefixCaching: true,
    enableChunkedPrefill: true,
    schedulerReserveFullIsl: era.schedulerReserveFullIsl,
    schedulingPolicy: "fcfs",
    requestOverheadUs: era.requestOverheadUs,
    ...overrides,
    maxModelLenTokens,
  };
}
