import type { DecodeBatch } from "./decode-batch.ts";
import type { GapRecorder } from "./gap-recorder.ts";
import type { KvCache } from "./kv-cache.ts";
import type { RequestList, RequestsInFlight } from "./requests-in-flight.ts";
import type { StepChunks } from "./step-chunks.ts";
import type { WaitingQueue } from "./waiting-queue.ts";

/**
 * What became of the head of the queue where blocks may lie elsewhere: "own" when there is nothing to load and it is admitted
 * as ever, "gone" when it has left the queue, "blocked" when it does not fit.
 */
export type LoadStart = "own" | "gone" | "blocked";

/** What an engine's scheduling rules read and change. */
export interface RulesHost {
  readonly requests: RequestsInFlight;
  readonly waiting: WaitingQueue;
  readonly running: RequestList;
  readonly batch: DecodeBatch;
  readonly cache: KvCache;
  readonly chunks: StepChunks;
  readonly gaps: GapRecorder;
  /** The running request whose prompt is not fully computed, or -1: rules have one such at most. */
  readonly partial: number;
  /** The `sequence` of the next request that is admitted. */
  readonly nextSequence: number;
  readonly nowUs: number;
  /** Looks up what the cache has of the head of the queue. */
  match(slot: number): void;
  /** Lets the head, whose match is at hand, leave the queue for the load of what lies elsewhere. */
  startLoad(slot: number): LoadStart;
  /** Admits the head with its match, to compute `tokens`, whose blocks are there. */
  admit(slot: number, tokens: number): void;
  /** Admits the head, whose blocks were loaded; returns how many tokens it computes, `budget` at most. */
  admitLoaded(slot: number, budget: number): number;
  /** Gives a running request's prefill more tokens, whose blocks are there. */
  continuePrefill(slot: number, tokens: number): void;
  /** Schedules a step of all decoding requests, which takes `blocks` blocks. */
  decodeAll(blocks: number): void;
  /** A decoding request goes back to the queue without its blocks; what it generated is not findable. */
  retract(slot: number): void;
}

/** Scheduling rules other than those of vLLM, which `Replica` has itself. */
export interface SchedulingRules {
  /** Fills the step that starts now; how many requests decode in it. */
  schedule(): number;
  /** Whether it emptied the batch, so that the same moment is to be scheduled anew. */
  readonly emptied: boolean;
  /** Whether the head of the queue would be asked at the start of a step. */
  canAdmit(): boolean;
  /** A running request has ended or gone. */
  left(slot: number): void;
  /** The engine has nothing to do. */
  idle(): void;
}
