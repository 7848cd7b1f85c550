import { FLOAT_ZERO } from "../kernel/float-zero.ts";
import { eventKey, keyTimeUs, Phase } from "../kernel/phases.ts";
import { DecodeBatch } from "./decode-batch.ts";
import type { EncoderTimeModel } from "./encoder-time-model.ts";
import {
  type Engine,
  type EngineCounters,
  type EngineGauges,
  type EngineListener,
  newCounters,
} from "./engine-listener.ts";
import { FinishingRequests } from "./finishing-requests.ts";
import { GapRecorder } from "./gap-recorder.ts";
import type { ItlRecorder } from "./itl-histogram.ts";
import { KvCache } from "./kv-cache.ts";
import type { KvBlockListener, KvConnector } from "./kv-connector.ts";
import type { KvEventLog } from "./kv-event-log.ts";
import { LoadedSingles } from "./loaded-singles.ts";
import { type LoraParts, LoraSlots } from "./lora-slots.ts";
import type { EngineProfile } from "./profile.ts";
import type { PromptItems } from "./prompt-items.ts";
import type { PromptStreams } from "./prompt-streams.ts";
import { RequestList, RequestState, type RequestsInFlight } from "./requests-in-flight.ts";
import type { LoadStart, RulesHost, SchedulingRules } from "./scheduling-rules.ts";
import { SglangRules } from "./sglang-rules.ts";
import { ShownGauges } from "./shown-gauges.ts";
import { StepChunks } from "./step-chunks.ts";
import { type StepEncoder, stepEncoder } from "./step-encoder.ts";
import type { StepTimeModel } from "./step-time-model.ts";
import { StretchClock } from "./stretch-clock.ts";
import { WaitingQueue } from "./waiting-queue.ts";

const NONE = -1;

/** What the engine is doing. */
const Mode = {
  /** Nothing to do, or waiting for a request to become ready. */
  idle: 0,
  /** A stretch of pure-decode steps of an unchanged batch: one event for all of it. */
  stretch: 1,
  /** One step of any other composition. */
  step: 2,
  /** Between two steps: the last has ended, the next starts when all else of this microsecond is done. */
  between: 3,
} as const;

/** What an engine is made of. */
export interface EngineParts {
  readonly profile: EngineProfile;
  readonly stepTime: StepTimeModel;
  readonly numGpuBlocks: number;
  readonly requests: RequestsInFlight;
  readonly streams: PromptStreams;
  readonly listener: EngineListener;
  readonly log: KvEventLog;
  readonly itl: ItlRecorder;
  /** Null or absent: KV blocks are in this engine's HBM only. */
  readonly connector?: KvConnector | null;
  /** Null or absent: it serves no LoRA adapters. */
  readonly lora?: LoraParts | null;
  /** What encodes the multimodal items of `items`; without one of the two there is nothing to encode. */
  readonly encoder?: EncoderTimeModel | undefined;
  readonly items?: PromptItems | null;
  /** It is a rank of a `LockstepGroup`, which moves the ends of its steps: each is an event of its own. */
  readonly lockstep?: boolean;
  /** Hears of each aborted request that has left; its slot is free again after the call. */
  readonly aborted?: (slot: number) => void;
}

/**
 * A vLLM V1 engine at step granularity, at a cost per request and not per token: decoding requests advance together as
 * counts and sums, and a stretch of steps that nothing changes is one event.
 *
 * The rules are those of vLLM's `v1/core/sched/scheduler.py` (0.19): running requests first in list order, then waiting
 * ones while budget, sequences and blocks last; no admission in a step that preempted; a preempted request returns to
 * the head of the queue and is recomputed. `PlainReplica` says the same step by step, and tests hold the two together.
 */
export class Replica implements Engine {
  nextKey = Infinity;
  readonly counters: EngineCounters;

  readonly #profile: EngineProfile;
  /** Of the profile, what every step asks for. */
  readonly #maxNumSeqs: number;
  readonly #maxNumBatchedTokens: number;
  readonly #blockSizeTokens: number;
  readonly #fcfs: boolean;
  readonly #stepTime: StepTimeModel;
  readonly #requests: RequestsInFlight;
  readonly #streams: PromptStreams;
  readonly #listener: EngineListener;
  readonly #log: KvEventLog;
  readonly #gaps: GapRecorder;
  readonly #connector: KvConnector | null;
  readonly #blocks: KvBlockListener | null;
  readonly #lora: LoraSlots | null;
  readonly #aborted: ((slot: number) => void) | undefined;
  readonly #cache: KvCache;
  readonly #waiting: WaitingQueue;
  readonly #running: RequestList;
  readonly #batch: DecodeBatch;
  readonly #clock = new StretchClock();
  readonly #chunks: StepChunks;
  /** Null: prompts are text alone. */
  readonly #encoder: StepEncoder | null;
  readonly #singles: LoadedSingles;
  readonly #finishing: FinishingRequests;
  readonly #fullBlocksOf: (slot: number) => number;
  /** Null: vLLM's, which are here. */
  readonly #rules: SchedulingRules | null;
  /** Requests can starve or outgrow the simple order of a step: walk the running list each time. */
  readonly #alwaysWalk: boolean;
  readonly #lockstep: boolean;

  #mode: number = Mode.idle;
  /** Time of the event in hand. A field, as handing a float from call to call would allocate it each time. */
  #nowUs = FLOAT_ZERO;
  #sequence = 0;
  /** The running request whose prompt is not fully computed, when there is just one. */
  #partial: number = NONE;

  /** The request that is generating blocks which the head of the queue could use, or NONE. */
  #headGrower: number = NONE;
  /** Whether this step preempted, and so admitted nobody. */
  #preempted = false;
  /** Whether the running set is other than when the clock was anchored. */
  #setChanged = true;
  /** In a stretch: steps ended when it was entered, steps scheduled so far, and the step with which it ends. */
  #stretchSteps = 0;
  #appliedSteps = 0;
  #lastStep = 0;
  #stretchFromUs = FLOAT_ZERO;

  /** In a single step: its start, and how many decode in it. */
  #stepStartUs = FLOAT_ZERO;
  #stepDecodes = 0;

  /** Requests that leave before the next step is scheduled, in the order of their aborts. */
  #aborts: number[] = [];

  readonly #gauges: ShownGauges;
  #waitingAtSchedule = 0;
  readonly #scratchGauges: EngineGauges = { running: 0, waiting: 0, freeBlocks: 0 };

  constructor(parts: EngineParts) {
    const { profile, requests } = parts;
    this.#profile = profile;
    this.#maxNumSeqs = profile.maxNumSeqs;
    this.#maxNumBatchedTokens = profile.maxNumBatchedTokens;
    this.#blockSizeTokens = profile.blockSizeTokens;
    this.#fcfs = profile.schedulingPolicy === "fcfs";
    this.#stepTime = parts.stepTime;
    this.#requests = requests;
    this.#streams = parts.streams;
    this.#listener = parts.listener;
    this.#log = parts.log;
    this.#gaps = new GapRecorder(parts.itl, requests);
    this.#connector = parts.connector ?? null;
    this.#blocks = this.#connector?.blocks ?? null;
    this.#lora = parts.lora == null ? null : new LoraSlots(parts.lora, requests, parts.stepTime);
    this.#aborted = parts.aborted;
    // One block is vLLM's null block.
    this.#cache = new KvCache(
      parts.numGpuBlocks - 1,
      profile.blockSizeTokens,
      profile.enablePrefixCaching,
      requests,
      parts.streams,
      parts.log,
      this.#blocks,
    );
    this.#waiting = new WaitingQueue(requests, this.#fcfs);
    this.#running = new RequestList(requests);
    this.#batch = new DecodeBatch(requests, profile.blockSizeTokens);
    this.#chunks = new StepChunks(requests, profile.maxNumSeqs);
    this.#encoder = stepEncoder(parts);
    this.#singles = new LoadedSingles(this.#connector === null ? 0 : profile.maxNumSeqs);
    this.#finishing = new FinishingRequests(requests, profile.maxNumSeqs);
    this.#gauges = new ShownGauges(this.#cache.freeBlocks);
    this.#alwaysWalk =
      profile.longPrefillTokenThreshold > 0 ||
      profile.maxNumSeqs > profile.maxNumBatchedTokens ||
      this.#encoder !== null;
    this.#lockstep = parts.lockstep === true;
    this.#fullBlocksOf = (slot) =>
      Math.floor((requests.computedTokens[slot]! + this.#batch.steps) / profile.blockSizeTokens);
    this.counters = newCounters(this.#cache.freeBlocks);
    this.#rules = profile.scheduler === "sglang" ? new SglangRules(this.#rulesHost(), profile) : null;
  }

  #rulesHost(): RulesHost {
    const replica = this;
    return {
      ...{ requests: this.#requests, waiting: this.#waiting, running: this.#running, batch: this.#batch },
      ...{ cache: this.#cache, chunks: this.#chunks, gaps: this.#gaps },
      get partial() {
        return replica.#partial;
      },
      get nextSequence() {
        return replica.#sequence;
      },
      get nowUs() {
        return replica.#nowUs;
      },
      match: (slot) => this.#match(slot),
      startLoad: (slot) => this.#startLoad(slot),
      admit: (slot, tokens) => this.#admitMatched(slot, tokens),
      admitLoaded: (slot, budget) => this.#admitLoaded(slot, budget),
      continuePrefill: (slot, tokens) => this.#continuePrefill(slot, tokens),
      decodeAll: (blocks) => this.#advance(1, blocks),
      retract: (slot) => this.#retract(slot),
    };
  }

  get blockSizeTokens(): number {
    return this.#blockSizeTokens;
  }

  get totalBlocks(): number {
    return this.#cache.totalBlocks;
  }

  get stepTokens(): number {
    let tokens = this.#stepDecodes + this.#singles.count;
    for (let index = 0; index < this.#chunks.count; index++) tokens += this.#chunks.newTokens[index]!;
    return tokens;
  }

  get evictedBlocks(): number {
    return this.#cache.evictedBlocks;
  }

  enqueue(slot: number): void {
    const first = this.#waiting.add(slot);
    const waiting = this.#waiting.length + this.#waiting.loading;
    if (waiting > this.counters.peakWaiting) this.counters.peakWaiting = waiting;
    if (first) this.#wake(this.#requests.readyUs[slot]!);
    // Those before it may be passed over.
    else if (this.#lora !== null && this.#mode === Mode.stretch) this.#wake(this.#requests.readyUs[slot]!);
  }

  /** The head of the queue may be admitted from `readyUs` on, where it could not before. */
  #wake(readyUs: number): void {
    if (this.#mode === Mode.idle) {
      const key = eventKey(readyUs, Phase.stepStart);
      if (this.#aborts.length === 0 || key < this.nextKey) this.nextKey = key;
    } else if (this.#mode === Mode.stretch && this.#hasPlace()) {
      // It may be admitted when the step in progress ends.
      this.#cutStretch(readyUs);
    }
  }

  /** Whether the head of the queue is asked at the start of the next step. */
  #hasPlace(): boolean {
    return this.#rules === null ? this.#running.length < this.#maxNumSeqs : this.#rules.canAdmit();
  }

  /** The stretch ends with the step that is in progress at a time. */
  #cutStretch(timeUs: number): void {
    const step = this.#clock.firstEndingFrom(timeUs, this.#appliedSteps);
    if (step >= this.#lastStep) return;
    this.#lastStep = step;
    // Outputs of a step that ended before this moment's arrivals are out already.
    this.nextKey = eventKey(this.#clock.endOfUs(step), Phase.stepEnd);
  }

  abort(slot: number, nowUs: number): void {
    this.#aborts.push(slot);
    if (this.#requests.state[slot] !== RequestState.loading) this.#wakeForAborts(nowUs);
  }

  #wakeForAborts(nowUs: number): void {
    if (this.#mode === Mode.idle) this.nextKey = eventKey(nowUs, Phase.stepStart);
    else if (this.#mode === Mode.stretch) this.#cutStretch(nowUs);
  }

  loaded(slot: number, nowUs: number): void {
    this.#waiting.addLoaded(slot);
    if (this.#aborts.length > 0 && this.#aborts.includes(slot)) this.#wakeForAborts(nowUs);
    else this.#wake(nowUs);
  }

  loadFailed(slot: number, computedTokens: number, nowUs: number): void {
    this.#requests.computedTokens[slot] = computedTokens;
    this.loaded(slot, nowUs);
  }

  reconsider(nowUs: number): void {
    const head = this.#waiting.first;
    if (head !== NONE && this.#requests.readyUs[head]! <= nowUs) this.#wake(nowUs);
  }

  releaseHeld(slot: number, nowUs: number): void {
    if (this.#mode === Mode.stretch) this.#comeTo(nowUs);
    this.#cache.release(slot, this.#requests.computedTokens[slot]!, false);
    if (this.#mode === Mode.stretch || this.#mode === Mode.step) return;
    // Maybe no step will bring the gauges up to date.
    this.#gauges.showFreeBlocks(this.#cache.freeBlocks);
    this.reconsider(nowUs);
  }

  /**
   * Brings a stretch to a moment at which its free blocks change: what has ended is counted and shown as it was, the step
   * in progress is scheduled, and at its end the engine schedules anew.
   */
  #comeTo(nowUs: number): void {
    const clock = this.#clock;
    const from = this.#stretchSteps;
    const ended = clock.stepsEndedBy(nowUs, from, this.#lastStep);
    const endUs = clock.endOfUs(ended);
    if (ended > from && endUs === nowUs) {
      // The next step starts when all else of this microsecond is done.
      this.#lastStep = ended;
      this.#nowUs = nowUs;
      this.#endStretch();
      this.#mode = Mode.between;
      this.nextKey = eventKey(nowUs, Phase.stepStart);
      return;
    }
    if (ended > from) {
      this.gaugesAt(nowUs, this.#scratchGauges);
      this.#countSteps(ended, endUs);
      const steps = ended + 1 - this.#appliedSteps;
      if (steps > 0) this.#applySteps(steps);
      this.#stretchSteps = ended;
      this.#stretchFromUs = endUs;
      this.#gauges.show(this.#scratchGauges.running, this.#scratchGauges.waiting, this.#scratchGauges.freeBlocks);
    }
    if (this.#cache.freeBlocks < this.counters.leastFreeBlocks) this.counters.leastFreeBlocks = this.#cache.freeBlocks;
    this.#lastStep = ended + 1;
    this.nextKey = eventKey(clock.endOfUs(ended + 1), Phase.stepEnd);
  }

  run(mayStart: boolean): void {
    this.#nowUs = keyTimeUs(this.nextKey);
    const mode = this.#mode;
    if (mode === Mode.stretch || mode === Mode.step) {
      if (mode === Mode.stretch) this.#endStretch();
      else this.#endStep();
      this.#mode = Mode.between;
      if (!mayStart) {
        this.nextKey = eventKey(this.#nowUs, Phase.stepStart);
        return;
      }
    }
    this.#start();
  }

  // --- the end of steps -------------------------------------------------------------------------------------------

  #endStretch(): void {
    const steps = this.#lastStep;
    if (steps > this.#appliedSteps) this.#applySteps(steps - this.#appliedSteps);
    this.#countSteps(steps, this.#nowUs);
    if (this.#blocks !== null) this.#cache.setBlocksTime(this.#nowUs);
    const { counters } = this;
    if (this.#cache.freeBlocks < counters.leastFreeBlocks) counters.leastFreeBlocks = this.#cache.freeBlocks;
    this.#waitingAtSchedule = this.#waiting.seenAt(this.#clock.endOfUs(steps - 1));
    this.#stretchSteps = steps;
    if (this.#batch.finishes.firstStep === this.#batch.steps) this.#finishDecoded();
    this.#publishGauges();
  }

  /** Counts the steps of a stretch, not counted yet, up to `steps`, which ended at `endUs`. */
  #countSteps(steps: number, endUs: number): void {
    const done = steps - this.#stretchSteps;
    const counters = this.counters;
    counters.steps += done;
    counters.busyUs += endUs - this.#stretchFromUs;
    counters.decodeTokens += done * this.#batch.size;
    this.#gaps.stretch(this.#clock, this.#stretchSteps + 1, steps, this.#batch.size);
  }

  #endStep(): void {
    const counters = this.counters;
    const stepUs = this.#nowUs - this.#stepStartUs;
    if (this.#stepDecodes > 0 && this.#gaps.hasLate) {
      this.#gaps.late(stepUs, this.#nowUs, this.#stepDecodes < this.#batch.size ? counters.steps : NaN);
    }
    counters.steps++;
    counters.busyUs += stepUs;
    counters.decodeTokens += this.#stepDecodes + this.#chunks.completing + this.#singles.count;
    this.#gauges.unsettle();
    if (this.#blocks !== null) this.#cache.setBlocksTime(this.#nowUs);
    if (this.#stepDecodes > 0) this.#gaps.step(stepUs, this.#stepDecodes);
    this.#finishing.count = 0;
    this.#takeFinished();
    const chunks = this.#chunks;
    let singles = 0;
    for (let index = 0; index < chunks.count; index++) {
      if (singles < this.#singles.count) singles = this.#completeSingles(index, singles);
      const slot = chunks.slotAt(index);
      if (this.#rules !== null) this.#makeFindable(slot);
      if (this.#requests.computedTokens[slot] === this.#requests.numTokens[slot]) this.#completePrefill(slot);
    }
    if (singles < this.#singles.count) this.#completeSingles(chunks.count, singles);
    if (this.#finishing.count > 0) this.#finishAll();
    this.#publishGauges();
  }

  /** Ends the requests, one at least, whose last decode step this was. */
  #finishDecoded(): void {
    const slot = this.#batch.finishes.pop();
    if (this.#batch.finishes.firstStep !== this.#batch.steps) {
      this.#finish(slot);
      return;
    }
    this.#finishing.count = 0;
    this.#finishing.add(slot);
    this.#takeFinished();
    this.#finishAll();
  }

  /** Takes the requests whose last decode step this was. */
  #takeFinished(): void {
    const { finishes, steps } = this.#batch;
    while (finishes.firstStep === steps) this.#finishing.add(finishes.pop());
  }

  #finishAll(): void {
    const finishing = this.#finishing;
    finishing.sort();
    for (let index = 0; index < finishing.count; index++) this.#finish(finishing.slotAt(index));
  }

  /** Ends the prefill of loaded requests that were admitted before chunk `chunk`, from the `from`-th on. */
  #completeSingles(chunk: number, from: number): number {
    const end = this.#singles.endOfBefore(chunk, from);
    for (let at = from; at < end; at++) {
      const slot = this.#singles.slotAt(at);
      if (this.#rules !== null) this.#makeFindable(slot);
      this.#completePrefill(slot);
    }
    return end;
  }

  /** The request samples a token at the end of its prefill, and decodes from now on unless that was its last. */
  #completePrefill(slot: number): void {
    const requests = this.#requests;
    if (this.#partial === slot) this.#partial = NONE;
    const generated = requests.generatedTokens[slot]! + 1;
    requests.generatedTokens[slot] = generated;
    if (generated === 1) this.#listener.firstToken(slot);
    else this.#gaps.afterPreemption(slot, this.#nowUs);
    const left = requests.outputTokens[slot]! - generated;
    if (left <= 0) {
      this.#finishing.add(slot);
      return;
    }
    this.#batch.add(slot, left);
    const row = requests.row[slot]!;
    if (this.#rules === null && this.#streams.outputIsShared(row))
      this.#cache.startGrowing(slot, this.#streams.outputSegment(row));
  }

  #finish(slot: number): void {
    const requests = this.#requests;
    if (this.#aborts.length > 0) this.#aborts = this.#aborts.filter((other) => other !== slot);
    if (this.#rules !== null) this.#rules.left(slot);
    const shared = this.#streams.outputIsShared(requests.row[slot]!);
    let computed = requests.numTokens[slot]!;
    if (requests.state[slot] === RequestState.decode) computed = this.#batch.remove(slot);
    if (this.#connector?.holdsBlocks(slot)) {
      this.#cache.hold(slot, computed, shared);
      requests.computedTokens[slot] = computed;
      requests.state[slot] = RequestState.held;
    } else {
      this.#cache.release(slot, computed, shared);
    }
    this.#running.remove(slot);
    this.#lora?.leave(slot);
    this.#setChanged = true;
    this.#listener.finished(slot);
  }

  #publishGauges(): void {
    this.#gauges.show(this.#running.length, this.#waitingAtSchedule, this.#cache.freeBlocks);
    if (this.#log.enabled) this.#log.publish(this.#nowUs);
  }

  // --- the start of a step ----------------------------------------------------------------------------------------

  #start(): void {
    const someLeft = this.#aborts.length > 0 && this.#takeAborted();
    if (
      this.#running.length === 0 &&
      (this.#waiting.length === 0 || this.#requests.readyUs[this.#waiting.first]! > this.#nowUs)
    ) {
      if (someLeft) this.#showIdle();
      if (this.#rules !== null) this.#rules.idle();
      this.#mode = Mode.idle;
      this.nextKey =
        this.#waiting.length === 0 ? Infinity : eventKey(this.#requests.readyUs[this.#waiting.first]!, Phase.stepStart);
      return;
    }
    this.#chunks.clear();
    this.#singles.count = 0;
    this.#encoder?.begin();
    this.#preempted = false;
    this.#headGrower = NONE;
    if (this.#blocks !== null) this.#cache.setBlocksTime(this.#nowUs);
    if (this.#rules !== null) this.#scheduleByRules(this.#rules);
    else if (this.#alwaysWalk || !this.#scheduleSimply()) this.#scheduleWalking();
    this.#waitingAtSchedule = this.#waiting.seenAt(this.#nowUs);
    const { length } = this.#running;
    const counters = this.counters;
    if (length > counters.peakRunning) counters.peakRunning = length;
    if (this.#cache.freeBlocks < counters.leastFreeBlocks) counters.leastFreeBlocks = this.#cache.freeBlocks;
    const decodesOnly = this.#chunks.count === 0 && this.#stepDecodes === length;
    if (decodesOnly && length > 0 && !this.#lockstep) this.#startStretch();
    else if (length > 0) this.#startStep(decodesOnly);
    else this.#settle();
  }

  #scheduleByRules(rules: SchedulingRules): void {
    this.#stepDecodes = rules.schedule();
    this.#preempted = rules.emptied;
  }

  /** Lets the aborted requests leave, but for those being loaded; whether there was one. */
  #takeAborted(): boolean {
    const aborts = this.#aborts;
    const { state } = this.#requests;
    if (this.#blocks !== null) this.#cache.setBlocksTime(this.#nowUs);
    this.#aborts = aborts.filter((slot) => state[slot] === RequestState.loading);
    for (const slot of aborts) if (state[slot] !== RequestState.loading) this.#leave(slot);
    return this.#aborts.length < aborts.length;
  }

  #leave(slot: number): void {
    const requests = this.#requests;
    const state = requests.state[slot]!;
    if (state === RequestState.decode || state === RequestState.prefill) {
      if (this.#rules !== null) this.#rules.left(slot);
      this.#leaveRunning(slot);
    } else {
      this.#waiting.remove(slot);
      this.#lora?.forget(slot);
      // It has the blocks of its whole prompt.
      if (state === RequestState.loaded) this.#cache.release(slot, requests.numTokens[slot]!, false);
    }
    requests.lastTokenUs[slot] = NaN;
    this.#aborted?.(slot);
  }

  /** What was computed stays findable, as at a preemption. */
  #leaveRunning(slot: number): void {
    const requests = this.#requests;
    let computed = requests.computedTokens[slot]!;
    if (requests.state[slot] === RequestState.decode) {
      computed = this.#batch.remove(slot);
      this.#batch.finishes.remove(slot);
      this.#gaps.forget(slot);
    } else if (this.#partial === slot) {
      this.#partial = NONE;
    }
    this.#cache.release(slot, computed, true);
    this.#running.remove(slot);
    this.#lora?.leave(slot);
    this.#setChanged = true;
  }

  /** Who left made the engine idle: no step will tell. */
  #showIdle(): void {
    this.#gauges.show(0, this.#waiting.seenAt(this.#nowUs), this.#cache.freeBlocks);
    this.#gauges.unsettle();
    if (this.#log.enabled) this.#log.publish(this.#nowUs);
  }

  /** Nothing runs and nobody could be admitted: all wait for loads to end or held blocks to be free. */
  #settle(): void {
    // Who preempted the last running request lets nobody in in that pass.
    if (this.#preempted) {
      this.#start();
      return;
    }
    if (this.#rules !== null) this.#rules.idle();
    this.#mode = Mode.idle;
    const head = this.#waiting.first;
    const later = head !== NONE && this.#requests.readyUs[head]! > this.#nowUs;
    this.nextKey = later ? eventKey(this.#requests.readyUs[head]!, Phase.stepStart) : Infinity;
    this.#gauges.settle(this.#nowUs, this.#waitingAtSchedule, this.#cache.freeBlocks);
    if (this.#log.enabled) this.#log.publish(this.#nowUs);
  }

  /**
   * Schedules the common step: every decoding request gets its token, the one partial prefill goes on, waiting requests
   * come in. False, with nothing changed, when blocks run out.
   */
  #scheduleSimply(): boolean {
    const decoding = this.#batch.size;
    const growth = decoding === 0 ? 0 : this.#batch.growth.blocksAt(this.#batch.steps);
    let budget = this.#maxNumBatchedTokens - decoding;
    const partial = this.#partial;
    let partialTokens = 0;
    let partialBlocks = 0;
    if (partial !== NONE) {
      const computed = this.#requests.computedTokens[partial]!;
      partialTokens = Math.min(this.#requests.numTokens[partial]! - computed, budget);
      partialBlocks = this.#blocksBetween(computed, computed + partialTokens);
    }
    if (growth + partialBlocks > this.#cache.freeBlocks) return false;
    if (decoding > 0) this.#advance(1, growth);
    this.#stepDecodes = decoding;
    if (partialTokens > 0) {
      this.#cache.take(partialBlocks);
      this.#addChunk(partial, partialTokens);
      budget -= partialTokens;
    }
    if (this.#waiting.length > 0) this.#admit(budget);
    return true;
  }

  /** Advances all decoding requests, of which there are some, by `steps` that are not applied yet. */
  #applySteps(steps: number): void {
    if (this.#log.enabled || this.#blocks !== null) this.#applyStepsPublishing(steps);
    else this.#advance(steps, this.#batch.growth.blocksOver(this.#batch.steps, steps));
  }

  /** The same, `blocks` being what that takes. */
  #advance(steps: number, blocks: number): void {
    if (blocks > 0) this.#cache.take(blocks);
    this.#batch.advance(steps);
    this.#appliedSteps += steps;
  }

  /** The same with each step's evictions dated by its own end. */
  #applyStepsPublishing(steps: number): void {
    for (let step = 0; step < steps; step++) {
      const startUs = this.#clock.endOfUs(this.#appliedSteps);
      if (this.#appliedSteps > this.#stretchSteps) this.#log.publish(startUs);
      if (this.#blocks !== null) this.#cache.setBlocksTime(startUs);
      this.#advance(1, this.#batch.growth.blocksAt(this.#batch.steps));
    }
  }

  #blocksBetween(fromTokens: number, toTokens: number): number {
    const size = this.#blockSizeTokens;
    return Math.ceil(toTokens / size) - Math.ceil(fromTokens / size);
  }

  /** Gives a running request's prefill `tokens` more tokens; their blocks are taken. */
  #addChunk(slot: number, tokens: number): void {
    this.#chunks.add(slot, tokens);
    this.counters.prefillTokens += tokens;
    if (this.#rules === null) this.#makeFindable(slot);
  }

  /** What a prefilling request has computed: vLLM's are findable as soon as they are scheduled, SGLang's when they are there. */
  #makeFindable(slot: number): void {
    if (!this.#streams.hasSegments) return;
    this.#cache.extend(slot, Math.floor(this.#requests.computedTokens[slot]! / this.#blockSizeTokens));
  }

  /** Gives a loaded request the last token of its prompt to compute: a decode as far as the batch is concerned. */
  #addSingle(slot: number): void {
    const requests = this.#requests;
    const numTokens = requests.numTokens[slot]!;
    this.#singles.add(slot, numTokens, this.#chunks.count);
    requests.computedTokens[slot] = numTokens;
    this.counters.prefillTokens++;
    if (this.#rules === null) this.#makeFindable(slot);
  }

  /**
   * Admits a loaded request: its blocks are there, and what is not computed yet is.
   *
   * @returns the tokens that it takes of the budget; 0 when it does not fit in it
   */
  #admitLoaded(slot: number, budget: number): number {
    const { longPrefillTokenThreshold, enableChunkedPrefill } = this.#profile;
    const requests = this.#requests;
    const computed = requests.computedTokens[slot]!;
    const numTokens = requests.numTokens[slot]!;
    let tokens = numTokens - computed;
    if (longPrefillTokenThreshold > 0 && tokens > longPrefillTokenThreshold) tokens = longPrefillTokenThreshold;
    if (tokens > budget) {
      if (!enableChunkedPrefill) return 0;
      tokens = budget;
    }
    if (this.#encoder !== null) {
      tokens = this.#encoder.fit(slot, computed, tokens, true);
      if (tokens === 0) return 0;
      this.#encoder.add(slot, computed, tokens, true);
    }
    this.#waiting.remove(slot);
    // Blocks of later chunks are taken when those come, as ever.
    const surplus = this.#blocksBetween(computed + tokens, numTokens);
    if (surplus > 0) this.#cache.giveBack(surplus);
    this.#enterRunning(slot, computed);
    if (tokens === 1 && computed + 1 === numTokens) this.#addSingle(slot);
    else this.#addChunk(slot, tokens);
    return tokens;
  }

  /**
   * Lets the head of the queue, whose match in the cache is at hand, leave it for the load of what lies elsewhere. It takes
   * the blocks of its whole prompt at once, so that it can never be stopped half loaded.
   */
  #startLoad(slot: number): LoadStart {
    const connector = this.#connector;
    const cache = this.#cache;
    const requests = this.#requests;
    if (connector === null || requests.state[slot] === RequestState.preempted) return "own";
    const hitTokens = cache.hitBlocks * this.#blockSizeTokens;
    const external = connector.matchedTokens(slot, hitTokens);
    if (external === 0) return "own";
    const numTokens = requests.numTokens[slot]!;
    const blocks = Math.ceil(numTokens / this.#blockSizeTokens) - cache.hitBlocks;
    if (blocks > cache.freeBlocks - cache.hitFreeBlocks) return "blocked";
    this.#waiting.startLoading(slot);
    if (cache.hitBlocks > 0) cache.acquireHit(slot, this.#fullBlocksOf);
    cache.take(blocks);
    cache.growerAhead = NONE;
    const computed = hitTokens + external;
    requests.computedTokens[slot] = computed < numTokens ? computed : numTokens - 1;
    connector.startLoad(slot, hitTokens, external, this.#nowUs);
    return "gone";
  }

  /**
   * The first waiting request, from a given one on, that is not passed over for its adapter; NONE if there is none. One
   * that the scheduler cannot see yet is not passed over.
   */
  #notPassedOver(lora: LoraSlots, from: number, passOver: boolean): number {
    const { readyUs, next } = this.#requests;
    let slot = from;
    while (slot !== NONE && readyUs[slot]! <= this.#nowUs && !lora.mayJoin(slot)) {
      if (passOver) lora.skip(slot);
      slot = next[slot]!;
    }
    return slot;
  }

  /**
   * Admits waiting requests, strictly from the head but for those whose adapter has no place, while budget, sequences and
   * blocks last.
   */
  #admit(budgetTokens: number): void {
    const { longPrefillTokenThreshold, enableChunkedPrefill } = this.#profile;
    const blockSizeTokens = this.#blockSizeTokens;
    const requests = this.#requests;
    const cache = this.#cache;
    const connector = this.#connector;
    const lora = this.#lora;
    let budget = budgetTokens;
    let next = this.#waiting.first;
    while (budget > 0 && next !== NONE && this.#running.length < this.#maxNumSeqs) {
      const slot = lora === null ? next : this.#notPassedOver(lora, next, true);
      if (slot === NONE) return;
      // It may leave the list.
      next = requests.next[slot]!;
      if (requests.readyUs[slot]! > this.#nowUs) return;
      if (connector !== null && requests.state[slot] === RequestState.loaded) {
        const taken = this.#admitLoaded(slot, budget);
        if (taken === 0) return;
        budget -= taken;
        continue;
      }
      const numTokens = requests.numTokens[slot]!;
      this.#match(slot);
      if (connector !== null) {
        const start = this.#startLoad(slot);
        if (start === "gone") continue;
        if (start === "blocked") break;
      }
      const hitTokens = cache.hitBlocks * blockSizeTokens;
      let tokens = numTokens - hitTokens;
      if (longPrefillTokenThreshold > 0 && tokens > longPrefillTokenThreshold) tokens = longPrefillTokenThreshold;
      if (tokens > budget) {
        // Only what was generated before a preemption makes a prompt longer than a step.
        if (!enableChunkedPrefill && tokens <= this.#maxNumBatchedTokens) break;
        tokens = budget;
      }
      if (this.#encoder !== null) {
        tokens = this.#encoder.fit(slot, hitTokens, tokens, true);
        if (tokens === 0) return;
      }
      const availableBlocks = cache.freeBlocks - cache.hitFreeBlocks;
      if (this.#profile.schedulerReserveFullIsl) {
        if (Math.ceil(numTokens / blockSizeTokens) - cache.hitBlocks > availableBlocks) break;
      }
      const blocks = Math.ceil((hitTokens + tokens) / blockSizeTokens) - cache.hitBlocks;
      if (blocks > availableBlocks) break;
      if (this.#profile.guaranteedNoEvict && this.#promisedBlocks(slot) - cache.hitBlocks > availableBlocks) break;
      this.#admitMatched(slot, tokens);
      budget -= tokens;
      cache.growerAhead = NONE;
    }
    this.#headGrower = cache.growerAhead;
  }

  #match(slot: number): void {
    // The last token must be computed for something to be sampled, so a hit never covers it.
    const mostBlocks = Math.floor((this.#requests.numTokens[slot]! - 1) / this.#blockSizeTokens);
    this.#cache.match(slot, mostBlocks, this.#fullBlocksOf);
  }

  /** Admits a waiting request, whose match is at hand, to compute `tokens`. */
  #admitMatched(slot: number, tokens: number): void {
    const cache = this.#cache;
    const { hitBlocks } = cache;
    const hitTokens = hitBlocks * this.#blockSizeTokens;
    this.#waiting.remove(slot);
    if (hitBlocks > 0) cache.acquireHit(slot, this.#fullBlocksOf);
    cache.take(Math.ceil((hitTokens + tokens) / this.#blockSizeTokens) - hitBlocks);
    this.#enterRunning(slot, hitTokens);
    this.#encoder?.add(slot, hitTokens, tokens, true);
    this.#addChunk(slot, tokens);
  }

  #continuePrefill(slot: number, tokens: number): void {
    const computed = this.#requests.computedTokens[slot]!;
    this.#cache.take(this.#blocksBetween(computed, computed + tokens));
    this.#encoder?.add(slot, computed, tokens, false);
    this.#addChunk(slot, tokens);
  }

  /** Blocks that all running requests will yet take to their ends, and all those of one that waits. */
  #promisedBlocks(candidate: number): number {
    const { promptTokens, outputTokens, computedTokens, state, next } = this.#requests;
    let blocks = this.#blocksBetween(0, promptTokens[candidate]! + outputTokens[candidate]!);
    for (let slot = this.#running.first; slot !== NONE; slot = next[slot]!) {
      const computed = computedTokens[slot]! + (state[slot] === RequestState.decode ? this.#batch.steps : 0);
      blocks += this.#blocksBetween(computed, promptTokens[slot]! + outputTokens[slot]!);
    }
    return blocks;
  }

  #enterRunning(slot: number, hitTokens: number): void {
    const requests = this.#requests;
    requests.computedTokens[slot] = hitTokens;
    requests.state[slot] = RequestState.prefill;
    requests.sequence[slot] = this.#sequence++;
    this.#running.append(slot);
    this.#lora?.enter(slot);
    this.#partial = slot;
    this.#setChanged = true;
    this.#listener.scheduled(slot, hitTokens);
  }

  // --- the step in vLLM's own order, one request at a time ----------------------------------------------------------

  /** Schedules a step by walking the running list, with preemption and starvation. */
  #scheduleWalking(): void {
    const requests = this.#requests;
    const { longPrefillTokenThreshold } = this.#profile;
    const step = this.counters.steps;
    let budget = this.#maxNumBatchedTokens;
    let preempted = false;
    let at = this.#running.first;
    while (at !== NONE && budget > 0) {
      const decoding = requests.state[at] === RequestState.decode;
      const computed = requests.computedTokens[at]! + (decoding ? this.#batch.steps : 0);
      let tokens = decoding ? 1 : requests.numTokens[at]! - computed;
      if (longPrefillTokenThreshold > 0 && tokens > longPrefillTokenThreshold) tokens = longPrefillTokenThreshold;
      if (tokens > budget) tokens = budget;
      if (!decoding && this.#encoder !== null) {
        tokens = this.#encoder.fit(at, computed, tokens, false);
        if (tokens === 0) {
          at = requests.next[at]!;
          continue;
        }
      }
      const blocks = this.#blocksBetween(computed, computed + tokens);
      let served = true;
      while (blocks > this.#cache.freeBlocks) {
        preempted = true;
        const victim = this.#victim();
        const given = requests.scheduledStep[victim] === step ? this.#unschedule(victim) : 0;
        budget += given;
        this.#preempt(victim, given);
        if (victim === at) {
          served = false;
          break;
        }
      }
      if (!served) break;
      this.#cache.take(blocks);
      requests.scheduledStep[at] = step;
      if (!decoding) {
        this.#encoder?.add(at, computed, tokens, false);
        this.#addChunk(at, tokens);
      }
      budget -= tokens;
      at = requests.next[at]!;
    }
    this.#advanceScheduled(step);
    this.#preempted = preempted;
    if (!preempted && this.#waiting.length > 0) this.#admit(budget);
  }

  /** Who is preempted next: the last of the list, or under priority the highest (priority, arrival). */
  #victim(): number {
    if (this.#fcfs) return this.#running.last;
    const requests = this.#requests;
    const { priority, next } = requests;
    let victim = this.#running.first;
    for (let at = next[victim]!; at !== NONE; at = next[at]!) {
      const difference = priority[at]! - priority[victim]!;
      if (difference > 0 || (difference === 0 && requests.isLater(at, victim))) victim = at;
    }
    return victim;
  }

  /** Takes back what a request was given in this step; returns the tokens. */
  #unschedule(slot: number): number {
    const requests = this.#requests;
    requests.scheduledStep[slot] = NONE;
    if (requests.state[slot] === RequestState.decode) return 1;
    const tokens = this.#chunks.remove(slot);
    this.#encoder?.takeBack(slot, requests.computedTokens[slot]! - tokens, tokens);
    this.counters.prefillTokens -= tokens;
    return tokens;
  }

  /** @param givenTokens what it had been given in this step: its blocks are taken already */
  #preempt(slot: number, givenTokens: number): void {
    const requests = this.#requests;
    const isDecode = requests.state[slot] === RequestState.decode;
    // Its entry in the finish queue goes when the queue is made anew, at the end of this walk.
    const computed = isDecode ? this.#stopDecoding(slot) : requests.computedTokens[slot]!;
    if (this.#partial === slot) this.#partial = NONE;
    if (requests.generatedTokens[slot]! > 0 && Number.isNaN(requests.lastTokenUs[slot])) {
      requests.lastTokenUs[slot] = this.#nowUs;
    }
    // The tokens of a prefill chunk are counted as computed when they are given; a decode's token is not.
    this.#cache.release(slot, computed + (isDecode ? givenTokens : 0), true);
    this.#waitAgain(slot);
    this.#waiting.addPreempted(slot, this.#lora);
    this.#listener.preempted(slot);
  }

  /** Takes a request from the decoding ones, with what it generated in its prompt; the tokens that it has computed. */
  #stopDecoding(slot: number): number {
    const requests = this.#requests;
    const generated = requests.outputTokens[slot]! - (requests.finishStep[slot]! - this.#batch.steps);
    requests.generatedTokens[slot] = generated;
    requests.numTokens[slot] = requests.promptTokens[slot]! + generated;
    return this.#batch.remove(slot);
  }

  #waitAgain(slot: number): void {
    const requests = this.#requests;
    requests.computedTokens[slot] = 0;
    requests.state[slot] = RequestState.preempted;
    this.#running.remove(slot);
    this.#lora?.leave(slot);
    this.#setChanged = true;
    this.counters.preemptions++;
  }

  /** A decoding request goes to the end of the queue, and nothing that it generated is kept. */
  #retract(slot: number): void {
    const requests = this.#requests;
    const computed = this.#stopDecoding(slot);
    this.#batch.finishes.remove(slot);
    const stalledUs = this.#gaps.unstall(slot);
    requests.lastTokenUs[slot] = Number.isNaN(stalledUs) ? this.#nowUs : stalledUs;
    this.#cache.release(slot, computed, false);
    this.#waitAgain(slot);
    requests.readyUs[slot] = this.#nowUs;
    this.#waiting.addRetracted(slot);
    this.#listener.preempted(slot);
  }

  /** Advances the decoding requests that were given a token in this step, and holds back the others. */
  #advanceScheduled(step: number): void {
    const requests = this.#requests;
    this.#batch.steps++;
    this.#appliedSteps++;
    this.#batch.growth.clear();
    this.#batch.finishes.clear();
    this.#batch.contextTokens = 0;
    this.#stepDecodes = 0;
    let starved = false;
    for (let slot = this.#running.first; slot !== NONE; slot = requests.next[slot]!) {
      if (requests.state[slot] !== RequestState.decode) continue;
      if (requests.scheduledStep[slot] !== step) {
        requests.computedTokens[slot]!--;
        requests.finishStep[slot]!++;
        this.#gaps.starved(slot, this.#nowUs);
        starved = true;
      } else {
        this.#stepDecodes++;
      }
      this.#batch.growth.add(requests.computedTokens[slot]!);
      this.#batch.finishes.push(requests.finishStep[slot]!, slot);
      this.#batch.contextTokens += requests.computedTokens[slot]! + this.#batch.steps;
    }
    if (starved) this.#setChanged = true;
  }

  // --- time ---------------------------------------------------------------------------------------------------------

  #startStretch(): void {
    if (this.#setChanged) {
      this.#clock.reset(
        this.#nowUs,
        this.#stepTimeNow().decodeCurve(this.#batch.size),
        this.#batch.size,
        this.#batch.contextTokens,
      );
      this.#setChanged = false;
      this.#stretchSteps = 0;
      this.#appliedSteps = 1;
    }
    this.#mode = Mode.stretch;
    this.#stretchFromUs = this.#nowUs;
    const applied = this.#appliedSteps;
    const ahead = this.#batch.growth.stepsWithin(
      this.#batch.steps,
      this.#batch.finishes.firstStep - this.#batch.steps,
      // Who hears of evictions hears of them when they are: a step that evicts is the first of its stretch.
      this.#blocks === null ? this.#cache.freeBlocks : this.#cache.blocksBeforeEviction,
    );
    let last = applied + ahead;
    const { first } = this.#waiting;
    const head = this.#lora === null ? first : this.#notPassedOver(this.#lora, first, false);
    if (head !== NONE && this.#hasPlace()) {
      // Who was not admitted for want of blocks waits for the next finish: blocks only get fewer until then.
      const readyUs = this.#requests.readyUs[head]!;
      if (readyUs > this.#nowUs) last = Math.min(last, this.#clock.firstEndingFrom(readyUs, applied));
      else if (this.#preempted || this.#rules !== null) last = applied;
      // Each block that fills is one less for it to find room for.
      else if (this.#headGrower !== NONE) last = Math.min(last, applied + this.#stepsToFullBlock(this.#headGrower) - 1);
    }
    this.#lastStep = last;
    this.nextKey = eventKey(this.#clock.endOfUs(last), Phase.stepEnd);
    if (this.#gaps.hasLate) this.#gaps.late(this.#clock.stepUs(applied), this.#clock.endOfUs(applied), NaN);
  }

  #stepTimeNow(): StepTimeModel {
    return this.#lora?.isRunning ? this.#lora.stepTime : this.#stepTime;
  }

  #stepsToFullBlock(slot: number): number {
    const size = this.#blockSizeTokens;
    return size - ((this.#requests.computedTokens[slot]! + this.#batch.steps) % size);
  }

  #startStep(decodesOnly: boolean): void {
    this.#mode = Mode.step;
    this.#setChanged = true;
    this.#stepStartUs = this.#nowUs;
    // Requests that starve in this step are in the sum of contexts but not in the batch.
    let context = this.#stepDecodes === this.#batch.size ? this.#batch.contextTokens : this.#scheduledContextTokens();
    if (this.#singles.count > 0) context += this.#singles.contextTokens;
    let stepUs = decodesOnly
      ? this.#decodeStepUs()
      : this.#stepTimeNow().mixedStepUs(this.#stepDecodes + this.#singles.count, context, this.#chunks);
    if (this.#encoder !== null) {
      stepUs = this.#encoder.stepUs(stepUs, this.#stepDecodes + this.#singles.count + this.#chunks.count);
    }
    let endUs = this.#nowUs + Math.max(1, Math.round(stepUs));
    if (this.#lora !== null) endUs += this.#lora.takeLoadUs();
    this.nextKey = eventKey(endUs, Phase.stepEnd);
  }

  #decodeStepUs(): number {
    const { size, contextTokens } = this.#batch;
    this.#clock.reset(this.#nowUs, this.#stepTimeNow().decodeCurve(size), size, contextTokens);
    return this.#clock.stepUs(1);
  }

  #scheduledContextTokens(): number {
    if (this.#stepDecodes === 0) return 0;
    const requests = this.#requests;
    let tokens = 0;
    for (let slot = this.#running.first; slot !== NONE; slot = requests.next[slot]!) {
      if (requests.state[slot] !== RequestState.decode || requests.scheduledStep[slot] !== this.counters.steps)
        continue;
      tokens += requests.computedTokens[slot]! + this.#batch.steps;
    }
    return tokens;
  }

  // --- what others see ----------------------------------------------------------------------------------------------

  gaugesAt(timeUs: number, into: EngineGauges): void {
    this.#gauges.at(timeUs, into);
    if (this.#mode !== Mode.stretch) return;
    const ended = this.#clock.stepsEndedBy(timeUs, this.#stretchSteps, this.#lastStep);
    if (ended <= this.#stretchSteps) return;
    into.running = this.#running.length;
    into.waiting = this.#waiting.seenAt(this.#clock.endOfUs(ended - 1));
    const ahead = ended - this.#appliedSteps;
    into.freeBlocks =
      ahead >= 0
        ? this.#cache.freeBlocks - this.#batch.growth.blocksOver(this.#batch.steps, ahead)
        : this.#cache.freeBlocks + this.#batch.growth.blocksOver(this.#batch.steps + ahead, -ahead);
  }

  publishUntil(timeUs: number): void {
    if (this.#mode !== Mode.stretch) return;
    // The step in progress at that time is scheduled, so its evictions have happened; they are dated by its end.
    const ended = this.#clock.stepsEndedBy(timeUs, this.#stretchSteps, this.#lastStep - 1);
    // At the very moment at which a step ends the next is not: what arrives now may still be admitted to it.
    const isBetween = ended > this.#stretchSteps && this.#clock.endOfUs(ended) === timeUs;
    const steps = (isBetween ? ended : ended + 1) - this.#appliedSteps;
    if (steps > 0) {
      const blocks = this.#batch.growth.blocksOver(this.#batch.steps, steps);
      if (this.#log.hasUndated || this.#cache.reuseEvicts(blocks)) this.#applySteps(steps);
    }
    if (isBetween) this.#log.publish(timeUs);
  }
}
