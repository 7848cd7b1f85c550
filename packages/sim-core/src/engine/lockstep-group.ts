import { eventKey, keyPhase, keyTimeUs, Phase } from "../kernel/phases.ts";
import type { Engine, EngineCounters, EngineGauges } from "./engine-listener.ts";

/** An engine, made with `lockstep`, whose next event a group may put off. */
export type LockstepEngine = { -readonly [K in keyof Engine]: Engine[K] };

/**
 * Data-parallel ranks that share their experts, and so make each forward pass together: the tokens of all meet in every
 * layer's exchange. A step starts at one moment on all ranks that have work, takes the longest of the times that their own
 * batches would take, and ends at one moment. A rank without work runs a dummy batch along, which adds nothing to the
 * longest; what arrives at it, or is aborted there, waits for the end of the step. A group without work is idle.
 *
 * vLLM 0.19: `DPEngineCoreProc.run_busy_loop` (`v1/engine/core.py`) takes input between steps only, and runs
 * `execute_dummy_batch` where a rank has nothing while another has; `coordinate_batch_across_dp` (`v1/worker/dp_utils.py`)
 * pads all to the most tokens under a CUDA graph, so the longest batch with the tokens of the largest one decides: for
 * decode batches the largest is the longest, but where a smaller one has much more context. SGLang: ranks of DP attention
 * agree on each batch in `prepare_mlp_sync_batch` (`managers/scheduler.py`).
 *
 * Each step is an event per rank: there are no stretches, as what decides on a step's time changes with every rank's batch.
 */
export class LockstepGroup {
  /** Of the step in progress, or the last one. */
  #startUs: number = -Infinity;
  #endUs: number = -Infinity;

  get endUs(): number {
    return this.#endUs;
  }

  /** Takes an engine in as a rank. */
  join(engine: LockstepEngine): LockstepRank {
    return new LockstepRank(engine, this);
  }

  /** When a rank that wants to start a step at a time can: with the others, or when they are done. */
  nextStartUs(timeUs: number): number {
    if (timeUs >= this.#endUs) return timeUs;
    return timeUs > this.#startUs ? this.#endUs : this.#startUs;
  }

  /** A rank has started a step that would end at `endUs` if it were alone. */
  started(startUs: number, endUs: number): void {
    this.#endUs = this.#startUs === startUs ? Math.max(this.#endUs, endUs) : endUs;
    this.#startUs = startUs;
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
    if (starts) this.#group.started(keyTimeUs(key), keyTimeUs(engine.nextKey));
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
