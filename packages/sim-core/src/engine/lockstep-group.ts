import { eventKey, keyPhase, keyTimeUs, Phase } from "../kernel/phases.ts";
import type { Engine, EngineCounters, EngineGauges } from "./engine-listener.ts";
import type { StepTimeModel } from "./step-time-model.ts";

/** Largest batch that vLLM 0.19 has a CUDA graph for: `_set_cudagraph_sizes` (`config/vllm.py`), but for few sequences. */
const MOST_GRAPH_TOKENS = 512;

/** An engine, made with `lockstep`, whose next event a group may put off. */
export interface LockstepEngine extends Omit<Engine, "nextKey"> {
  nextKey: number;
  /** Of the step in progress. */
  readonly stepTokens: number;
}

/**
 * Data-parallel ranks that share their experts, and so make each forward pass together: the tokens of all meet in every
 * layer's exchange. A step starts at one moment on all ranks that have work, takes the longest of the times that their own
 * batches would take, and ends at one moment. A rank without work runs a dummy batch of one token along, which adds nothing
 * to the longest; what arrives at it, or is aborted there, waits for the end of the step. A group without work is idle.
 *
 * What ranks compute for one another, `sharedUs`, is in the longest with the tokens of all: the mean of the ranks'. Where
 * the largest batch has a CUDA graph, all are padded to its tokens, and those are the mean; of what else padding makes
 * longer nothing is said, which matters where a smaller batch has much more context than the largest.
 *
 * vLLM 0.19: `DPEngineCoreProc.run_busy_loop` (`v1/engine/core.py`) takes input between steps only, and runs
 * `execute_dummy_batch` where a rank has nothing while another has; `coordinate_batch_across_dp` (`v1/worker/dp_utils.py`)
 * pads where all ranks have a graph. SGLang: ranks of DP attention agree on each batch in `prepare_mlp_sync_batch`
 * (`managers/scheduler.py`); that it pads as vLLM does is assumed.
 *
 * Each step is an event per rank: there are no stretches, as what decides on a step's time changes with every rank's batch.
 */
export class LockstepGroup {
  readonly #sharedUs: (tokens: number) => number;
  #ranks = 0;
  /** Of the step in progress, or the last one. */
  #startUs: number = -Infinity;
  #endUs: number = -Infinity;
  /** Of the ranks in that step: the longest time of what they compute for themselves, the most tokens, and those of all. */
  #longestOwnUs = 0;
  #mostTokens = 0;
  #allTokens = 0;

  constructor({ sharedUs }: StepTimeModel) {
    this.#sharedUs = sharedUs ?? (() => 0);
  }

  get endUs(): number {
    return this.#endUs;
  }

  /** Takes an engine in as a rank. */
  join(engine: LockstepEngine): LockstepRank {
    this.#ranks++;
    return new LockstepRank(engine, this);
  }

  /** When a rank that wants to start a step at a time can: with the others, or when they are done. */
  nextStartUs(timeUs: number): number {
    if (timeUs >= this.#endUs) return timeUs;
    return timeUs > this.#startUs ? this.#endUs : this.#startUs;
  }

  /** A rank has started a step of so many tokens, which would end at `endUs` if all had a batch like it. */
  started(startUs: number, endUs: number, tokens: number): void {
    if (startUs !== this.#startUs) {
      this.#startUs = startUs;
      this.#longestOwnUs = 0;
      this.#mostTokens = 0;
      this.#allTokens = this.#ranks;
    }
    this.#longestOwnUs = Math.max(this.#longestOwnUs, endUs - startUs - this.#sharedUs(tokens));
    this.#mostTokens = Math.max(this.#mostTokens, tokens);
    this.#allTokens += tokens - 1;
    const padded = this.#mostTokens <= MOST_GRAPH_TOKENS;
    const sharedTokens = padded ? this.#mostTokens : Math.ceil(this.#allTokens / this.#ranks);
    this.#endUs = startUs + Math.max(1, Math.round(this.#longestOwnUs + this.#sharedUs(sharedTokens)));
  }
}

/** One rank of a group: its engine does what it does at the times of the group. */
export class LockstepRank implements Engine {
  readonly #engine: LockstepEngine;
  readonly #group: LockstepGroup;

  constructor(engine: LockstepEngine, group: LockstepGroup) {
    this.#engine = engine;
    this.#group = group;
  }

  get nextKey(): number {
    const key = this.#engine.nextKey;
    if (key === Infinity) return Infinity;
    if (keyPhase(key) === Phase.stepEnd) return eventKey(this.#group.endUs, Phase.stepEnd);
    return eventKey(this.#group.nextStartUs(keyTimeUs(key)), Phase.stepStart);
  }

  /** The next step starts when all ranks have ended this one. */
  run(): void {
    const engine = this.#engine;
    const key = this.nextKey;
    engine.nextKey = key;
    engine.run(false);
    const starts = keyPhase(key) === Phase.stepStart && keyPhase(engine.nextKey) === Phase.stepEnd;
    if (starts) this.#group.started(keyTimeUs(key), keyTimeUs(engine.nextKey), engine.stepTokens);
  }

  get counters(): EngineCounters {
    return this.#engine.counters;
  }

  get evictedBlocks(): number {
    return this.#engine.evictedBlocks;
  }

  get blockSizeTokens(): number {
    return this.#engine.blockSizeTokens;
  }

  get totalBlocks(): number {
    return this.#engine.totalBlocks;
  }

  enqueue(slot: number): void {
    this.#engine.enqueue(slot);
  }

  loaded(slot: number, nowUs: number): void {
    this.#engine.loaded(slot, nowUs);
  }

  loadFailed(slot: number, computedTokens: number, nowUs: number): void {
    this.#engine.loadFailed(slot, computedTokens, nowUs);
  }

  reconsider(nowUs: number): void {
    this.#engine.reconsider(nowUs);
  }

  releaseHeld(slot: number, nowUs: number): void {
    this.#engine.releaseHeld(slot, nowUs);
  }

  abort(slot: number, nowUs: number): void {
    this.#engine.abort(slot, nowUs);
  }

  gaugesAt(timeUs: number, into: EngineGauges): void {
    this.#engine.gaugesAt(timeUs, into);
  }

  publishUntil(timeUs: number): void {
    this.#engine.publishUntil(timeUs);
  }
}
