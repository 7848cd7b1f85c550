import type { Quantity } from "../hardware/accelerator.ts";

/** What an adapter's matrices add to a step. */
export const LORA_SLOWDOWN: Quantity = {
  value: 1.1,
  source: "the order of the 2 ms that Punica adds to a token (Chen et al. 2023, arXiv 2310.18547, abstract)",
  confidence: "assumed",
};

/** What serving LoRA adapters takes of an engine: vLLM's names, and times. */
export interface LoraProfile {
  /** Adapters at most in one batch, and slots in device memory. */
  readonly maxLoras: number;
  /** Adapters at most in host memory, those in slots included. */
  readonly maxCpuLoras: number;
  /** From host memory into a slot. */
  readonly loadUs: number;
  /** From storage to host memory, before that. */
  readonly fetchUs: number;
  /** A step with an adapter's request in its batch takes this many times what it takes without, 1 or more. */
  readonly slowdown: number;
}

/** Who hears of adapters in an engine, at the time for which it is run. */
export interface LoraListener {
  /** A request's admission makes the step wait for its adapter: for so long, and from storage or from host memory. */
  loaded(slot: number, us: number, fromStorage: boolean): void;
  /** A request was passed over, as its adapter had no place in the batch. */
  skipped(slot: number): void;
}
