import { FLOAT_ZERO } from "../kernel/float-zero.ts";
import { eventKey, keyTimeUs, Phase } from "../kernel/phases.ts";
import { BlockGrowth } from "./block-growth.ts";
import {
  type Engine,
  type EngineCounters,
  type EngineGauges,
  type EngineListener,
  newCounters,
} from "./engine-listener.ts";
import { FinishQueue } from "./finish-queue.ts";
import type { ItlRecorder } from "./itl-histogram.ts";
import { KvCache } from "./kv-cache.ts";
import type { KvBlockListener, KvConnector } from "./kv-connector.ts";
import type { KvEventLog } from "./kv-event-log.ts";
import type { EngineProfile } from "./profile.ts";
import type { PromptStreams } from "./prompt-streams.ts";
import { RequestList, RequestState, type RequestsInFlight } from "./requests-in-flight.ts";
import type { PrefillChunks, StepTimeModel } from "./step-time-model.ts";
import { StretchClock } from "./stretch-clock.ts";

const NONE = -1;

/** What became of the head of the queue where a connector has a say. */
const Head = {
  /** Nothing to load: it is admitted as ever. */
  own: 0,
  /** It has left the queue. */
  gone: 1,
  /** It does not fit. */
  blocked: 2,
} as const;

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
  readonly #itl: ItlRecorder;
  readonly #connector: KvConnector | null;
  readonly #blocks: KvBlockListener | null;
  readonly #aborted: ((slot: number) => void) | undefined;
  readonly #cache: KvCache;
  readonly #waiting: RequestList;
  readonly #running: RequestList;
  readonly #growth: BlockGrowth;
  readonly #finishes = new FinishQueue();
  readonly #clock = new StretchClock();
  readonly #chunks: PrefillChunks;
  /** Slots of `#chunks`, and whether each completes its prompt. */
  readonly #chunkSlots: Int32Array;
  readonly #finishing: Int32Array;
  readonly #fullBlocksOf: (slot: number) => number;
  /** Requests can starve or outgrow the simple order of a step: walk the running list each time. */
  readonly #alwaysWalk: boolean;

  #mode: number = Mode.idle;
  /** Time of the event in hand. A field, as handing a float from call to call would allocate it each time. */
  #nowUs = FLOAT_ZERO;
  #sequence = 0;
  /** Decode steps that have been scheduled; a decoding request has computed `computedTokens + #decodeSteps`. */
  #decodeSteps = 0;
  #decoding = 0;
  /** Summed computed tokens of decoding requests, this step's included. */
  #contextTokens = 0;
  /** The running request whose prompt is not fully computed, when there is just one. */
  #partial: number = NONE;

  /** Requests whose blocks are being filled from elsewhere. */
  #loading = 0;
  /** The last of the loaded requests, which stand before all others on the waiting list, or NONE. */
  #loadedTail: number = NONE;
  /**
   * Requests that were loaded up to their last token and compute it in this step, which makes them part of its decode
   * batch: their slots, how many chunks were given before each, and their summed context.
   */
  readonly #singleSlots: Int32Array;
  readonly #singleAt: Int32Array;
  #singles = 0;
  #singleContextTokens = 0;

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

  /** Decoding requests that got no token in an earlier step, and none since. */
  #lateSlots: number[] = [];

  /** Gauges of the last finished step. */
  #gaugeRunning = 0;
  #gaugeWaiting = 0;
  #gaugeFreeBlocks: number;
  #waitingAtSchedule = 0;
  readonly #scratchGauges: EngineGauges = { running: 0, waiting: 0, freeBlocks: 0 };
  /** Idle with requests that only wait for blocks or loads: since when, and what is seen of it after that. */
  #settledUs: number = Infinity;
  #settledWaiting = 0;
  #settledFreeBlocks = 0;

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
    this.#itl = parts.itl;
    this.#connector = parts.connector ?? null;
    this.#blocks = this.#connector?.blocks ?? null;
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
    this.#waiting = new RequestList(requests);
    this.#running = new RequestList(requests);
    this.#growth = new BlockGrowth(profile.blockSizeTokens);
    this.#chunks = {
      count: 0,
      completing: 0,
      newTokens: new Int32Array(profile.maxNumSeqs),
      cachedTokens: new Int32Array(profile.maxNumSeqs),
    };
    this.#chunkSlots = new Int32Array(profile.maxNumSeqs);
    this.#finishing = new Int32Array(profile.maxNumSeqs);
    const singles = this.#connector === null ? 0 : profile.maxNumSeqs;
    this.#singleSlots = new Int32Array(singles);
    this.#singleAt = new Int32Array(singles);
    this.#gaugeFreeBlocks = this.#cache.freeBlocks;
    this.#alwaysWalk = profile.longPrefillTokenThreshold > 0 || profile.maxNumSeqs > profile.maxNumBatchedTokens;
    this.#fullBlocksOf = (slot) =>
      Math.floor((requests.computedTokens[slot]! + this.#decodeSteps) / profile.blockSizeTokens);
    this.counters = newCounters(this.#cache.freeBlocks);
  }

  get blockSizeTokens(): number {
    return this.#blockSizeTokens;
  }

  get totalBlocks(): number {
    return this.#cache.totalBlocks;
  }

  get evictedBlocks(): number {
    return this.#cache.evictedBlocks;
  }

  enqueue(slot: number): void {
    const first = this.#addWaiting(slot);
    const waiting = this.#waiting.length + this.#loading;
    if (waiting > this.counters.peakWaiting) this.counters.peakWaiting = waiting;
    if (first) this.#wake(this.#requests.readyUs[slot]!);
  }

  /** The head of the queue may be admitted from `readyUs` on, where it could not before. */
  #wake(readyUs: number): void {
    if (this.#mode === Mode.idle) {
      const key = eventKey(readyUs, Phase.stepStart);
      if (this.#aborts.length === 0 || key < this.nextKey) this.nextKey = key;
    } else if (this.#mode === Mode.stretch && this.#running.length < this.#maxNumSeqs) {
      // It may be admitted when the step in progress ends.
      this.#cutStretch(readyUs);
    }
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
    const requests = this.#requests;
    const tail = this.#loadedTail;
    requests.state[slot] = RequestState.loaded;
    if (tail === NONE) this.#waiting.prepend(slot);
    else this.#waiting.insertAfter(tail, slot);
    this.#loadedTail = slot;
    this.#loading--;
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
    this.#gaugeFreeBlocks = this.#cache.freeBlocks;
    this.#settledFreeBlocks = this.#cache.freeBlocks;
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
      this.#gaugeRunning = this.#scratchGauges.running;
      this.#gaugeWaiting = this.#scratchGauges.waiting;
      this.#gaugeFreeBlocks = this.#scratchGauges.freeBlocks;
    }
    if (this.#cache.freeBlocks < this.counters.leastFreeBlocks) this.counters.leastFreeBlocks = this.#cache.freeBlocks;
    this.#lastStep = ended + 1;
    this.nextKey = eventKey(clock.endOfUs(ended + 1), Phase.stepEnd);
  }

  /** Puts the request on the waiting list; true when it is the new head. */
  #addWaiting(slot: number): boolean {
    const waiting = this.#waiting;
    if (this.#fcfs) {
      waiting.append(slot);
      return waiting.length === 1;
    }
    const { priority, previous } = this.#requests;
    let at = waiting.last;
    let after: number = NONE;
    while (
      at !== this.#loadedTail &&
      (priority[at]! > priority[slot]! || (priority[at] === priority[slot] && this.#laterThan(at, slot)))
    ) {
      after = at;
      at = previous[at]!;
    }
    if (after === NONE) waiting.append(slot);
    else waiting.insertBefore(after, slot);
    return waiting.first === slot;
  }

  /** Order of arrival: by time, then by row. */
  #laterThan(a: number, b: number): boolean {
    const { readyUs, row } = this.#requests;
    return readyUs[a]! > readyUs[b]! || (readyUs[a] === readyUs[b] && row[a]! > row[b]!);
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
    this.#waitingAtSchedule =
      this.#waiting.length === 0 ? this.#loading : this.#waitingBy(this.#clock.endOfUs(steps - 1));
    this.#stretchSteps = steps;
    if (this.#finishes.firstStep === this.#decodeSteps) this.#finishDecoded();
    this.#publishGauges();
  }

  /** Counts the steps of a stretch, not counted yet, up to `steps`, which ended at `endUs`. */
  #countSteps(steps: number, endUs: number): void {
    const done = steps - this.#stretchSteps;
    const counters = this.counters;
    counters.steps += done;
    counters.busyUs += endUs - this.#stretchFromUs;
    counters.decodeTokens += done * this.#decoding;
    this.#recordGaps(this.#stretchSteps + 1, steps);
  }

  #endStep(): void {
    const counters = this.counters;
    counters.steps++;
    counters.busyUs += this.#nowUs - this.#stepStartUs;
    counters.decodeTokens += this.#stepDecodes + this.#chunks.completing + this.#singles;
    if (this.#settledUs < Infinity) this.#settledUs = Infinity;
    if (this.#blocks !== null) this.#cache.setBlocksTime(this.#nowUs);
    if (this.#stepDecodes > 0) this.#itl.add(this.#nowUs - this.#stepStartUs, this.#stepDecodes);
    let finishing = this.#finishes.firstStep === this.#decodeSteps ? this.#takeFinished(0) : 0;
    const chunks = this.#chunks;
    let singles = 0;
    for (let index = 0; index < chunks.count; index++) {
      if (singles < this.#singles) [singles, finishing] = this.#completeSingles(index, singles, finishing);
      const slot = this.#chunkSlots[index]!;
      if (this.#requests.computedTokens[slot] !== this.#requests.numTokens[slot]) continue;
      if (this.#completePrefill(slot)) this.#finishing[finishing++] = slot;
    }
    if (singles < this.#singles) [, finishing] = this.#completeSingles(chunks.count, singles, finishing);
    if (finishing > 0) this.#finishAll(finishing);
    this.#publishGauges();
  }

  /** Ends the requests, one at least, whose last decode step this was. */
  #finishDecoded(): void {
    const slot = this.#finishes.pop();
    if (this.#finishes.firstStep !== this.#decodeSteps) {
      this.#finish(slot);
      return;
    }
    this.#finishing[0] = slot;
    this.#finishAll(this.#takeFinished(1));
  }

  /** Adds the requests whose last decode step this was to the first `count` of `#finishing`; how many that makes. */
  #takeFinished(count: number): number {
    let finishing = count;
    while (this.#finishes.firstStep === this.#decodeSteps) this.#finishing[finishing++] = this.#finishes.pop();
    return finishing;
  }

  /** Ends the first requests of `#finishing` in the order of the running list, which is that of admission. */
  #finishAll(count: number): void {
    const finishing = this.#finishing;
    if (count > 1) this.#sortFinishing(count);
    for (let index = 0; index < count; index++) this.#finish(finishing[index]!);
  }

  /** An insertion sort: they are few. */
  #sortFinishing(count: number): void {
    const finishing = this.#finishing;
    const { sequence } = this.#requests;
    for (let index = 1; index < count; index++) {
      const slot = finishing[index]!;
      let at = index;
      for (; at > 0 && sequence[finishing[at - 1]!]! > sequence[slot]!; at--) finishing[at] = finishing[at - 1]!;
      finishing[at] = slot;
    }
  }

  /** Ends the loaded requests that were admitted before chunk `chunk`, from the `from`-th on, as `#endStep` does. */
  #completeSingles(chunk: number, from: number, finishing: number): readonly [singles: number, finishing: number] {
    let at = from;
    let count = finishing;
    for (; at < this.#singles && this.#singleAt[at]! <= chunk; at++) {
      const slot = this.#singleSlots[at]!;
      if (this.#completePrefill(slot)) this.#finishing[count++] = slot;
    }
    return [at, count];
  }

  /** The request samples a token at the end of its prefill; true when that was its last. */
  #completePrefill(slot: number): boolean {
    const requests = this.#requests;
    if (this.#partial === slot) this.#partial = NONE;
    const generated = requests.generatedTokens[slot]! + 1;
    requests.generatedTokens[slot] = generated;
    if (generated === 1) this.#listener.firstToken(slot);
    else this.#recordLateGap(slot, this.#nowUs);
    const left = requests.outputTokens[slot]! - generated;
    if (left <= 0) return true;
    requests.state[slot] = RequestState.decode;
    const offset = requests.numTokens[slot]! - this.#decodeSteps;
    requests.computedTokens[slot] = offset;
    requests.finishStep[slot] = this.#decodeSteps + left;
    this.#decoding++;
    this.#contextTokens += requests.numTokens[slot]!;
    this.#growth.add(offset);
    this.#finishes.push(this.#decodeSteps + left, slot);
    const row = requests.row[slot]!;
    if (this.#streams.outputIsShared(row)) this.#cache.startGrowing(slot, this.#streams.outputSegment(row));
    return false;
  }

  #finish(slot: number): void {
    const requests = this.#requests;
    if (this.#aborts.length > 0) this.#aborts = this.#aborts.filter((other) => other !== slot);
    const shared = this.#streams.outputIsShared(requests.row[slot]!);
    let computed = requests.numTokens[slot]!;
    if (requests.state[slot] === RequestState.decode) {
      const offset = requests.computedTokens[slot]!;
      computed = offset + this.#decodeSteps;
      this.#decoding--;
      this.#contextTokens -= computed;
      this.#growth.remove(offset);
    }
    if (this.#connector?.holdsBlocks(slot)) {
      this.#cache.hold(slot, computed, shared);
      requests.computedTokens[slot] = computed;
      requests.state[slot] = RequestState.held;
    } else {
      this.#cache.release(slot, computed, shared);
    }
    this.#running.remove(slot);
    this.#setChanged = true;
    this.#listener.finished(slot);
  }

  #publishGauges(): void {
    this.#gaugeRunning = this.#running.length;
    this.#gaugeWaiting = this.#waitingAtSchedule;
    this.#gaugeFreeBlocks = this.#cache.freeBlocks;
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
      this.#mode = Mode.idle;
      this.nextKey =
        this.#waiting.length === 0 ? Infinity : eventKey(this.#requests.readyUs[this.#waiting.first]!, Phase.stepStart);
      return;
    }
    this.#chunks.count = 0;
    this.#chunks.completing = 0;
    this.#singles = 0;
    this.#preempted = false;
    this.#headGrower = NONE;
    if (this.#blocks !== null) this.#cache.setBlocksTime(this.#nowUs);
    if (this.#alwaysWalk || !this.#scheduleSimply()) this.#scheduleWalking();
    this.#waitingAtSchedule = this.#waiting.length === 0 ? this.#loading : this.#waitingBy(this.#nowUs);
    const { length } = this.#running;
    const counters = this.counters;
    if (length > counters.peakRunning) counters.peakRunning = length;
    if (this.#cache.freeBlocks < counters.leastFreeBlocks) counters.leastFreeBlocks = this.#cache.freeBlocks;
    if (this.#chunks.count === 0 && this.#stepDecodes === length && length > 0) this.#startStretch();
    else if (length > 0) this.#startStep();
    else this.#settle();
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
      this.#leaveRunning(slot);
    } else {
      if (this.#loadedTail === slot) this.#loadedTail = requests.previous[slot]!;
      this.#waiting.remove(slot);
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
      const offset = computed;
      computed += this.#decodeSteps;
      this.#decoding--;
      this.#contextTokens -= computed;
      this.#growth.remove(offset);
      this.#finishes.remove(slot);
      this.#lateSlots = this.#lateSlots.filter((other) => other !== slot);
    } else if (this.#partial === slot) {
      this.#partial = NONE;
    }
    this.#cache.release(slot, computed, true);
    this.#running.remove(slot);
    this.#setChanged = true;
  }

  /** Who left made the engine idle: no step will tell. */
  #showIdle(): void {
    this.#gaugeRunning = 0;
    this.#gaugeWaiting = this.#waiting.length === 0 ? this.#loading : this.#waitingBy(this.#nowUs);
    this.#gaugeFreeBlocks = this.#cache.freeBlocks;
    this.#settledUs = Infinity;
    if (this.#log.enabled) this.#log.publish(this.#nowUs);
  }

  /** Nothing runs and nobody could be admitted: all wait for loads to end or held blocks to be free. */
  #settle(): void {
    // Who preempted the last running request lets nobody in in that pass.
    if (this.#preempted) {
      this.#start();
      return;
    }
    this.#mode = Mode.idle;
    const head = this.#waiting.first;
    const later = head !== NONE && this.#requests.readyUs[head]! > this.#nowUs;
    this.nextKey = later ? eventKey(this.#requests.readyUs[head]!, Phase.stepStart) : Infinity;
    if (this.#settledUs < this.#nowUs) this.#showSettled();
    this.#settledUs = this.#nowUs;
    this.#settledWaiting = this.#waitingAtSchedule;
    this.#settledFreeBlocks = this.#cache.freeBlocks;
    if (this.#log.enabled) this.#log.publish(this.#nowUs);
  }

  #showSettled(): void {
    this.#gaugeRunning = 0;
    this.#gaugeWaiting = this.#settledWaiting;
    this.#gaugeFreeBlocks = this.#settledFreeBlocks;
    this.#settledUs = Infinity;
  }

  /**
   * Schedules the common step: every decoding request gets its token, the one partial prefill goes on, waiting requests
   * come in. False, with nothing changed, when blocks run out.
   */
  #scheduleSimply(): boolean {
    const decoding = this.#decoding;
    const growth = decoding === 0 ? 0 : this.#growth.blocksAt(this.#decodeSteps);
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
    else this.#advance(steps, this.#growth.blocksOver(this.#decodeSteps, steps));
  }

  /** The same, `blocks` being what that takes. */
  #advance(steps: number, blocks: number): void {
    if (blocks > 0) this.#cache.take(blocks);
    this.#decodeSteps += steps;
    this.#appliedSteps += steps;
    this.#contextTokens += steps * this.#decoding;
  }

  /** The same with each step's evictions dated by its own end. */
  #applyStepsPublishing(steps: number): void {
    for (let step = 0; step < steps; step++) {
      const startUs = this.#clock.endOfUs(this.#appliedSteps);
      if (this.#appliedSteps > this.#stretchSteps) this.#log.publish(startUs);
      if (this.#blocks !== null) this.#cache.setBlocksTime(startUs);
      this.#advance(1, this.#growth.blocksAt(this.#decodeSteps));
    }
  }

  #blocksBetween(fromTokens: number, toTokens: number): number {
    const size = this.#blockSizeTokens;
    return Math.ceil(toTokens / size) - Math.ceil(fromTokens / size);
  }

  /** Gives a running request's prefill `tokens` more tokens; their blocks are taken. */
  #addChunk(slot: number, tokens: number): void {
    const requests = this.#requests;
    const chunks = this.#chunks;
    const computed = requests.computedTokens[slot]!;
    const at = chunks.count++;
    chunks.newTokens[at] = tokens;
    chunks.cachedTokens[at] = computed;
    this.#chunkSlots[at] = slot;
    requests.computedTokens[slot] = computed + tokens;
    if (computed + tokens === requests.numTokens[slot]) chunks.completing++;
    this.counters.prefillTokens += tokens;
    if (this.#streams.hasSegments) {
      this.#cache.extend(slot, Math.floor((computed + tokens) / this.#blockSizeTokens));
    }
  }

  /** Gives a loaded request the last token of its prompt to compute: a decode as far as the batch is concerned. */
  #addSingle(slot: number): void {
    const requests = this.#requests;
    const numTokens = requests.numTokens[slot]!;
    if (this.#singles === 0) this.#singleContextTokens = 0;
    this.#singleSlots[this.#singles] = slot;
    this.#singleAt[this.#singles++] = this.#chunks.count;
    this.#singleContextTokens += numTokens;
    requests.computedTokens[slot] = numTokens;
    this.counters.prefillTokens++;
    if (this.#streams.hasSegments) this.#cache.extend(slot, Math.floor(numTokens / this.#blockSizeTokens));
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
    this.#waiting.remove(slot);
    if (this.#loadedTail === slot) this.#loadedTail = NONE;
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
   *
   * @returns what became of it, a `Head`
   */
  #startLoad(connector: KvConnector, slot: number): number {
    const cache = this.#cache;
    const requests = this.#requests;
    const hitTokens = cache.hitBlocks * this.#blockSizeTokens;
    const external = connector.matchedTokens(slot, hitTokens);
    if (external === 0) return Head.own;
    const numTokens = requests.numTokens[slot]!;
    const blocks = Math.ceil(numTokens / this.#blockSizeTokens) - cache.hitBlocks;
    if (blocks > cache.freeBlocks - cache.hitFreeBlocks) return Head.blocked;
    this.#waiting.remove(slot);
    if (cache.hitBlocks > 0) cache.acquireHit(slot, this.#fullBlocksOf);
    cache.take(blocks);
    cache.growerAhead = NONE;
    const computed = hitTokens + external;
    requests.computedTokens[slot] = computed < numTokens ? computed : numTokens - 1;
    requests.state[slot] = RequestState.loading;
    this.#loading++;
    connector.startLoad(slot, hitTokens, external, this.#nowUs);
    return Head.gone;
  }

  /** Admits waiting requests, strictly from the head, while budget, sequences and blocks last. */
  #admit(budgetTokens: number): void {
    const { longPrefillTokenThreshold, enableChunkedPrefill } = this.#profile;
    const blockSizeTokens = this.#blockSizeTokens;
    const requests = this.#requests;
    const cache = this.#cache;
    const connector = this.#connector;
    let budget = budgetTokens;
    while (budget > 0 && this.#waiting.length > 0 && this.#running.length < this.#maxNumSeqs) {
      const slot = this.#waiting.first;
      if (requests.readyUs[slot]! > this.#nowUs) return;
      if (connector !== null && requests.state[slot] === RequestState.loaded) {
        const taken = this.#admitLoaded(slot, budget);
        if (taken === 0) return;
        budget -= taken;
        continue;
      }
      const numTokens = requests.numTokens[slot]!;
      // The last token must be computed for something to be sampled, so a hit never covers it.
      cache.match(slot, Math.floor((numTokens - 1) / blockSizeTokens), this.#fullBlocksOf);
      if (connector !== null && requests.state[slot] !== RequestState.preempted) {
        const head = this.#startLoad(connector, slot);
        if (head === Head.gone) continue;
        if (head === Head.blocked) break;
      }
      const hitTokens = cache.hitBlocks * blockSizeTokens;
      let tokens = numTokens - hitTokens;
      if (longPrefillTokenThreshold > 0 && tokens > longPrefillTokenThreshold) tokens = longPrefillTokenThreshold;
      if (tokens > budget) {
        if (!enableChunkedPrefill) return;
        tokens = budget;
      }
      const availableBlocks = cache.freeBlocks - cache.hitFreeBlocks;
      if (this.#profile.schedulerReserveFullIsl) {
        if (Math.ceil(numTokens / blockSizeTokens) - cache.hitBlocks > availableBlocks) break;
      }
      const blocks = Math.ceil((hitTokens + tokens) / blockSizeTokens) - cache.hitBlocks;
      if (blocks > availableBlocks) break;
      if (this.#profile.guaranteedNoEvict && this.#promisedBlocks(slot) - cache.hitBlocks > availableBlocks) break;
      this.#waiting.remove(slot);
      if (cache.hitBlocks > 0) cache.acquireHit(slot, this.#fullBlocksOf);
      cache.take(blocks);
      this.#enterRunning(slot, hitTokens);
      this.#addChunk(slot, tokens);
      budget -= tokens;
      cache.growerAhead = NONE;
    }
    this.#headGrower = cache.growerAhead;
  }

  /** Blocks that all running requests will yet take to their ends, and all those of one that waits. */
  #promisedBlocks(candidate: number): number {
    const { promptTokens, outputTokens, computedTokens, state, next } = this.#requests;
    let blocks = this.#blocksBetween(0, promptTokens[candidate]! + outputTokens[candidate]!);
    for (let slot = this.#running.first; slot !== NONE; slot = next[slot]!) {
      const computed = computedTokens[slot]! + (state[slot] === RequestState.decode ? this.#decodeSteps : 0);
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
      const computed = requests.computedTokens[at]! + (decoding ? this.#decodeSteps : 0);
      let tokens = decoding ? 1 : requests.numTokens[at]! - computed;
      if (longPrefillTokenThreshold > 0 && tokens > longPrefillTokenThreshold) tokens = longPrefillTokenThreshold;
      if (tokens > budget) tokens = budget;
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
      if (!decoding) this.#addChunk(at, tokens);
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
    const { priority, next } = this.#requests;
    let victim = this.#running.first;
    for (let at = next[victim]!; at !== NONE; at = next[at]!) {
      const difference = priority[at]! - priority[victim]!;
      if (difference > 0 || (difference === 0 && this.#laterThan(at, victim))) victim = at;
    }
    return victim;
  }

  /** Takes back what a request was given in this step; returns the tokens. */
  #unschedule(slot: number): number {
    const requests = this.#requests;
    requests.scheduledStep[slot] = NONE;
    if (requests.state[slot] === RequestState.decode) return 1;
    const chunks = this.#chunks;
    let at = 0;
    while (this.#chunkSlots[at] !== slot) at++;
    const tokens = chunks.newTokens[at]!;
    if (requests.computedTokens[slot] === requests.numTokens[slot]) chunks.completing--;
    chunks.count--;
    for (; at < chunks.count; at++) {
      chunks.newTokens[at] = chunks.newTokens[at + 1]!;
      chunks.cachedTokens[at] = chunks.cachedTokens[at + 1]!;
      this.#chunkSlots[at] = this.#chunkSlots[at + 1]!;
    }
    this.counters.prefillTokens -= tokens;
    return tokens;
  }

  /** @param givenTokens what it had been given in this step: its blocks are taken already */
  #preempt(slot: number, givenTokens: number): void {
    const requests = this.#requests;
    let computed = requests.computedTokens[slot]!;
    if (requests.state[slot] === RequestState.decode) {
      const offset = computed;
      computed += this.#decodeSteps;
      const generated = requests.outputTokens[slot]! - (requests.finishStep[slot]! - this.#decodeSteps);
      requests.generatedTokens[slot] = generated;
      requests.numTokens[slot] = requests.promptTokens[slot]! + generated;
      this.#decoding--;
      this.#contextTokens -= computed;
      this.#growth.remove(offset);
      // Its entry in the finish queue goes when the queue is made anew, at the end of this walk.
    } else {
      if (this.#partial === slot) this.#partial = NONE;
    }
    if (requests.generatedTokens[slot]! > 0 && Number.isNaN(requests.lastTokenUs[slot])) {
      requests.lastTokenUs[slot] = this.#nowUs;
    }
    // The tokens of a prefill chunk are counted as computed when they are given; a decode's token is not.
    const given = requests.state[slot] === RequestState.decode ? givenTokens : 0;
    this.#cache.release(slot, computed + given, true);
    requests.computedTokens[slot] = 0;
    requests.state[slot] = RequestState.preempted;
    this.#running.remove(slot);
    if (!this.#fcfs) this.#addWaiting(slot);
    else if (this.#loadedTail === NONE) this.#waiting.prepend(slot);
    else this.#waiting.insertAfter(this.#loadedTail, slot);
    this.#setChanged = true;
    this.counters.preemptions++;
    this.#listener.preempted(slot);
  }

  /** Advances the decoding requests that were given a token in this step, and holds back the others. */
  #advanceScheduled(step: number): void {
    const requests = this.#requests;
    this.#decodeSteps++;
    this.#appliedSteps++;
    this.#growth.clear();
    this.#finishes.clear();
    this.#contextTokens = 0;
    this.#stepDecodes = 0;
    let starved = false;
    for (let slot = this.#running.first; slot !== NONE; slot = requests.next[slot]!) {
      if (requests.state[slot] !== RequestState.decode) continue;
      if (requests.scheduledStep[slot] !== step) {
        requests.computedTokens[slot]!--;
        requests.finishStep[slot]!++;
        if (Number.isNaN(requests.lastTokenUs[slot])) {
          requests.lastTokenUs[slot] = this.#nowUs;
          this.#lateSlots.push(slot);
        }
        starved = true;
      } else {
        this.#stepDecodes++;
      }
      this.#growth.add(requests.computedTokens[slot]!);
      this.#finishes.push(requests.finishStep[slot]!, slot);
      this.#contextTokens += requests.computedTokens[slot]! + this.#decodeSteps;
    }
    if (starved) this.#setChanged = true;
  }

  // --- time ---------------------------------------------------------------------------------------------------------

  #startStretch(): void {
    if (this.#setChanged) {
      this.#clock.reset(this.#nowUs, this.#stepTime.decodeCurve(this.#decoding), this.#decoding, this.#contextTokens);
      this.#setChanged = false;
      this.#stretchSteps = 0;
      this.#appliedSteps = 1;
    }
    this.#mode = Mode.stretch;
    this.#stretchFromUs = this.#nowUs;
    const applied = this.#appliedSteps;
    const ahead = this.#growth.stepsWithin(
      this.#decodeSteps,
      this.#finishes.firstStep - this.#decodeSteps,
      this.#cache.freeBlocks,
    );
    let last = applied + ahead;
    const head = this.#waiting.first;
    if (head !== NONE && this.#running.length < this.#maxNumSeqs) {
      // Who was not admitted for want of blocks waits for the next finish: blocks only get fewer until then.
      const readyUs = this.#requests.readyUs[head]!;
      if (readyUs > this.#nowUs) last = Math.min(last, this.#clock.firstEndingFrom(readyUs, applied));
      else if (this.#preempted) last = applied;
      // Each block that fills is one less for it to find room for.
      else if (this.#headGrower !== NONE) last = Math.min(last, applied + this.#stepsToFullBlock(this.#headGrower) - 1);
    }
    this.#lastStep = last;
    this.nextKey = eventKey(this.#clock.endOfUs(last), Phase.stepEnd);
    if (this.#lateSlots.length > 0) this.#recordLateGaps(this.#clock.stepUs(applied), this.#clock.endOfUs(applied));
  }

  #stepsToFullBlock(slot: number): number {
    const size = this.#blockSizeTokens;
    return size - ((this.#requests.computedTokens[slot]! + this.#decodeSteps) % size);
  }

  #startStep(): void {
    this.#mode = Mode.step;
    this.#setChanged = true;
    this.#stepStartUs = this.#nowUs;
    // Requests that starve in this step are in the sum of contexts but not in the batch.
    let context = this.#stepDecodes === this.#decoding ? this.#contextTokens : this.#scheduledContextTokens();
    if (this.#singles > 0) context += this.#singleContextTokens;
    const stepUs = this.#stepTime.mixedStepUs(this.#stepDecodes + this.#singles, context, this.#chunks);
    const endUs = this.#nowUs + Math.max(1, Math.round(stepUs));
    this.nextKey = eventKey(endUs, Phase.stepEnd);
    if (this.#lateSlots.length > 0) this.#recordLateGaps(endUs - this.#nowUs, endUs);
  }

  #scheduledContextTokens(): number {
    const requests = this.#requests;
    let tokens = 0;
    for (let slot = this.#running.first; slot !== NONE; slot = requests.next[slot]!) {
      if (requests.state[slot] !== RequestState.decode || requests.scheduledStep[slot] !== this.counters.steps)
        continue;
      tokens += requests.computedTokens[slot]! + this.#decodeSteps;
    }
    return tokens;
  }

  /** Inter-token gaps of the stretch's steps `from` to `to`. */
  #recordGaps(from: number, to: number): void {
    const clock = this.#clock;
    const itl = this.#itl;
    const first = itl.bucketOf(clock.stepUs(from));
    if (from === to || first === itl.bucketOf(clock.stepUs(to))) {
      itl.counts[first]! += (to - from + 1) * this.#decoding;
      return;
    }
    const middle = (from + to) >> 1;
    this.#recordGaps(from, middle);
    this.#recordGaps(middle + 1, to);
  }

  /** The batch's gap will be counted for those that starved before this step too; theirs is longer. */
  #recordLateGaps(stepUs: number, endUs: number): void {
    const { state, lastTokenUs, scheduledStep } = this.#requests;
    this.#lateSlots = this.#lateSlots.filter((slot) => {
      if (state[slot] !== RequestState.decode || Number.isNaN(lastTokenUs[slot])) return false;
      if (this.#stepDecodes < this.#decoding && scheduledStep[slot] !== this.counters.steps) return true;
      this.#itl.add(stepUs, -1);
      this.#recordLateGap(slot, endUs);
      return false;
    });
  }

  /** The gap before the first token after a preemption. */
  #recordLateGap(slot: number, tokenUs: number): void {
    this.#itl.add(tokenUs - this.#requests.lastTokenUs[slot]!, 1);
    this.#requests.lastTokenUs[slot] = NaN;
  }

  // --- what others see ----------------------------------------------------------------------------------------------

  /** Waiting requests that the scheduler could see at a time: those from the head that were ready by then. */
  #waitingBy(timeUs: number): number {
    const { readyUs, previous } = this.#requests;
    let count = this.#waiting.length + this.#loading;
    if (this.#fcfs) {
      for (let slot = this.#waiting.last; slot !== NONE && readyUs[slot]! > timeUs; slot = previous[slot]!) count--;
      return count;
    }
    for (let slot = this.#waiting.last; slot !== NONE; slot = previous[slot]!) if (readyUs[slot]! > timeUs) count--;
    return count;
  }

  gaugesAt(timeUs: number, into: EngineGauges): void {
    into.running = this.#gaugeRunning;
    into.waiting = this.#gaugeWaiting;
    into.freeBlocks = this.#gaugeFreeBlocks;
    if (this.#mode !== Mode.stretch) {
      if (timeUs <= this.#settledUs) return;
      into.running = 0;
      into.waiting = this.#settledWaiting;
      into.freeBlocks = this.#settledFreeBlocks;
      return;
    }
    const ended = this.#clock.stepsEndedBy(timeUs, this.#stretchSteps, this.#lastStep);
    if (ended <= this.#stretchSteps) return;
    into.running = this.#running.length;
    into.waiting = this.#waiting.length === 0 ? this.#loading : this.#waitingBy(this.#clock.endOfUs(ended - 1));
    const ahead = ended - this.#appliedSteps;
    into.freeBlocks =
      ahead >= 0
        ? this.#cache.freeBlocks - this.#growth.blocksOver(this.#decodeSteps, ahead)
        : this.#cache.freeBlocks + this.#growth.blocksOver(this.#decodeSteps + ahead, -ahead);
  }

  publishUntil(timeUs: number): void {
    if (this.#mode !== Mode.stretch) return;
    // The step in progress at that time is scheduled, so its evictions have happened; they are dated by its end.
    const ended = this.#clock.stepsEndedBy(timeUs, this.#stretchSteps, this.#lastStep - 1);
    // At the very moment at which a step ends the next is not: what arrives now may still be admitted to it.
    const isBetween = ended > this.#stretchSteps && this.#clock.endOfUs(ended) === timeUs;
    const steps = (isBetween ? ended : ended + 1) - this.#appliedSteps;
    if (steps > 0) {
      const blocks = this.#growth.blocksOver(this.#decodeSteps, steps);
      if (this.#log.hasUndated || this.#cache.reuseEvicts(blocks)) this.#applySteps(steps);
    }
    if (isBetween) this.#log.publish(timeUs);
  }
}
