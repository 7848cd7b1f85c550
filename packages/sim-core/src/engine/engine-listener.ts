import { FLOAT_ZERO } from "../kernel/float-zero.ts";

/** Who hears what happens to requests in an engine, at the time for which it runs the engine. */
export interface EngineListener {
  /** The scheduler gave the request its first tokens to compute. */
  scheduled(slot: number, cachedTokens: number): void;
  firstToken(slot: number): void;
  preempted(slot: number): void;
  /** Its last token came; the slot is free again after the call, unless a `KvConnector` holds its blocks. */
  finished(slot: number): void;
}

/** What vLLM exports: values as of the output of the last finished step. */
export interface EngineGauges {
  running: number;
  waiting: number;
  freeBlocks: number;
}

/** Totals over a replica's life. */
export interface EngineCounters {
  steps: number;
  busyUs: number;
  prefillTokens: number;
  decodeTokens: number;
  preemptions: number;
  peakRunning: number;
  peakWaiting: number;
  leastFreeBlocks: number;
}

/** The counters of an engine that has done nothing yet. */
export const newCounters = (freeBlocks: number): EngineCounters => ({
  steps: 0,
  busyUs: FLOAT_ZERO,
  prefillTokens: 0,
  decodeTokens: 0,
  preemptions: 0,
  peakRunning: 0,
  peakWaiting: 0,
  leastFreeBlocks: freeBlocks,
});

/**
 * One simulated engine as its host drives it. The host calls `run` when the time of `nextKey` has come, and before
 * anything else that happens later.
 */
export interface Engine {
  /** Key (time and phase) of the next thing it does by itself; Infinity when idle. */
  readonly nextKey: number;
  readonly counters: EngineCounters;
  readonly evictedBlocks: number;
  readonly blockSizeTokens: number;
  /** Blocks that requests can use. */
  readonly totalBlocks: number;
  /** A request reaches the engine; its scheduler can see it from the slot's `readyUs` on, which is not before now. */
  enqueue(slot: number): void;
  /** The load that the engine's `KvConnector` started has ended: the request can be scheduled again. */
  loaded(slot: number, nowUs: number): void;
  /** That load was given up: only the request's first `computedTokens` are there, the others it computes. */
  loadFailed(slot: number, computedTokens: number, nowUs: number): void;
  /** What the engine's `KvConnector` answers for a waiting request is another from now on. */
  reconsider(nowUs: number): void;
  /** The blocks of an ended request, held for its engine's `KvConnector`, are free from now on. */
  releaseHeld(slot: number, nowUs: number): void;
  /**
   * The client of a request that has not ended is gone: it leaves before the next step is scheduled, wherever it is, and
   * when its load has ended if it is being loaded, as in vLLM's `finish_requests` (`v1/core/sched/scheduler.py`, 0.19).
   * Who ends with the step in progress has finished.
   */
  abort(slot: number, nowUs: number): void;
  /** Does what `nextKey` says. `mayStart` = nothing else can happen at this very time before the next step starts. */
  run(mayStart: boolean): void;
  /** The gauges at a time not after the next event and not before the last one. */
  gaugesAt(timeUs: number, into: EngineGauges): void;
  /** Brings the KV event log forward to all steps that ended by `timeUs`. */
  publishUntil(timeUs: number): void;
}
