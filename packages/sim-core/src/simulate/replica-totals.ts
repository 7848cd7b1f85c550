import type { Engine } from "../engine/engine-listener.ts";
import type { SimulationInput } from "./input.ts";
import type { AdapterLoads, ReplicaSummary } from "./result.ts";

/** Requests and tokens of each replica that its engine does not count, or not by whose they are. */
export class ReplicaTotals {
  readonly completed: Float64Array;
  /** Of prompts that were admitted; and what of them was found cached. */
  readonly promptTokens: Float64Array;
  readonly cachedTokens: Float64Array;
  /** Prompts computed, and items encoded, for others; undefined where the fleet has none of it. */
  readonly prefilled: Float64Array | undefined;
  readonly encoded: Float64Array | undefined;

  constructor({ pools, disaggregation, workload }: SimulationInput) {
    const replicas = pools.reduce((sum, pool) => sum + pool.replicas, 0);
    this.completed = new Float64Array(replicas);
    this.promptTokens = new Float64Array(replicas);
    this.cachedTokens = new Float64Array(replicas);
    if (disaggregation === undefined) return;
    this.prefilled = new Float64Array(replicas);
    if (workload.items !== undefined) this.encoded = new Float64Array(replicas);
  }

  summary(
    replica: number,
    { name, pool }: Pick<ReplicaSummary, "name" | "pool">,
    { counters, evictedBlocks, totalBlocks }: Engine,
    loads: AdapterLoads | undefined,
  ): ReplicaSummary {
    const { prefilled, encoded } = this;
    return {
      name,
      pool,
      steps: counters.steps,
      busyUs: counters.busyUs + 0,
      completed: this.completed[replica]!,
      ...(prefilled === undefined ? {} : { prefilledForOthers: prefilled[replica]! }),
      ...(loads === undefined ? {} : { adapterLoads: loads }),
      ...(encoded === undefined ? {} : { encodedForOthers: encoded[replica]! }),
      prefillTokens: counters.prefillTokens,
      decodeTokens: counters.decodeTokens,
      promptTokens: this.promptTokens[replica]!,
      cachedTokens: this.cachedTokens[replica]!,
      preemptions: counters.preemptions,
      evictedBlocks,
      peakRunning: counters.peakRunning,
      peakWaiting: counters.peakWaiting,
      peakKvUsageFraction: 1 - counters.leastFreeBlocks / totalBlocks,
    };
  }
}
