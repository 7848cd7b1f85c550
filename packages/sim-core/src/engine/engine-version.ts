import type { Accelerator } from "../hardware/accelerator.ts";
import type { EngineProfile } from "./profile.ts";

/** An engine at a version: whose rules it follows, and what it does where nothing is said. One file, and a line in `profiles.ts`. */
export interface EngineVersion {
  readonly name: string;
  /** What of it is simulated, for the scenario's schema. */
  readonly summary: string;
  /** Time of a step above its summed kernel times: scheduling, launches, sampling, output. */
  readonly stepOverheadUs: number;
  /** What each sequence that gets a token adds to it; absent: nothing. */
  readonly stepOverheadPerSequenceUs?: number;
  /** API server's time before a request reaches the scheduler. */
  readonly requestOverheadUs: number;
  /** Its rules for LoRA adapters are those that `LoraSlots` has; absent: none are simulated. */
  readonly servesAdapters?: boolean;
  readonly memory: (accelerator: Accelerator) => EngineMemory;
  readonly settings: (accelerator: Accelerator) => EngineSettings;
}

export type EngineSettings = Omit<EngineProfile, "name" | "maxModelLenTokens" | "requestOverheadUs">;

/** Device memory for weights and KV cache together: capacity × utilisation − reserve. */
export interface EngineMemory {
  readonly gpuMemoryUtilization: number;
  readonly reserveBytes: number;
}
