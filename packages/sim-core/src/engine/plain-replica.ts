import { eventKey, keyPhase, keyTimeUs, Phase } from "../kernel/phases.ts";
import { type Engine, type EngineCounters, type EngineGauges, newCounters } from "./engine-listener.ts";
import { LoraSlots } from "./lora-slots.ts";
import { PlainKvCache } from "./plain-kv-cache.ts";
import { byPriority, numTokens, type PlainRequest } from "./plain-request.ts";
import { PlainSglang } from "./plain-sglang.ts";
import { PlainStepEncoder } from "./plain-step-encoder.ts";
import type { EngineParts } from "./replica.ts";
import { StretchClock } from "./stretch-clock.ts";

/**
 * The reference for `Replica`: vLLM V1's scheduler written out one step and one request at a time, in vLLM's order of
 * statements. It shares with the fast engine only the step-time model and the anchored clock, whose closed sums both
 * read.
 */
export class PlainReplica implements Engine {
  nextKey = Infinity;
  readonly counters: EngineCounters;
  readonly #parts: EngineParts;
  readonly #cache: PlainKvCache;
  readonly #lora: LoraSlots | null;
  readonly #encoder: PlainStepEncoder | undefined;
  readonly #clock = new StretchClock();
  #waiting: PlainRequest[] = [];
  #running: PlainRequest[] = [];
  /** By slot: those whose blocks are being filled, and those that ended and hold theirs. */
  readonly #loading = new Map<number, PlainRequest>();
  readonly #held = new Map<number, PlainRequest>();
  /** Tokens that each request computes in the step in progress. */
  readonly #scheduled = new Map<PlainRequest, number>();
  /** The running set for which the clock is anchored, and the steps since. */
  #anchored: readonly PlainRequest[] | null = null;
  #clockStep = 0;
  #stepStartUs = 0;
  #gauges: EngineGauges;
  /** Idle with requests that only wait for blocks or loads: what is seen after `sinceUs`. */
  #settled: { sinceUs: number; gauges: EngineGauges } | null = null;
  #waitingAtSchedule = 0;
  #busy = false;
  /** Slots of requests that leave before the next step is scheduled. */
  #aborts: number[] = [];
  /** Segment → the request that is generating it. */
  readonly #growing = new Map<number, PlainRequest>();
  /** Null: the rules are vLLM's. */
  readonly #sglang: PlainSglang | null;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    const { profile } = parts;
    this.#cache = new PlainKvCache(
      parts.numGpuBlocks - 1,
      profile.blockSizeTokens,
      profile.enablePrefixCaching,
      parts.streams,
      parts.log,
      parts.connector?.blocks ?? null,
    );
    this.#lora = parts.lora == null ? null : new LoraSlots(parts.lora, parts.requests, parts.stepTime);
    if (parts.items && parts.encoder !== undefined) {
      const mostTokens = profile.scheduler === "sglang" ? Infinity : profile.maxNumBatchedTokens;
      this.#encoder = new PlainStepEncoder(parts.items, parts.encoder, mostTokens);
    }
    this.#gauges = { running: 0, waiting: 0, freeBlocks: this.#cache.freeBlocks };
    this.counters = newCounters(this.#cache.freeBlocks);
    this.#sglang = profile.scheduler === "sglang" ? this.#newSglang() : null;
  }

  #newSglang(): PlainSglang {
    const replica = this;
    return new PlainSglang({
      encoder: this.#encoder,
      ...{ parts: this.#parts, cache: this.#cache, counters: this.counters, loading: this.#loading },
      scheduled: this.#scheduled,
      get waiting() {
        return replica.#waiting;
      },
      get running() {
        return replica.#running;
      },
      admitLoaded: (request, budget) => this.#admitLoaded(request, 0, budget),
    });
  }

  get blockSizeTokens(): number {
    return this.#parts.profile.blockSizeTokens;
  }

  get totalBlocks(): number {
    return this.#cache.totalBlocks;
  }

  get stepTokens(): number {
    return [...this.#scheduled.values()].reduce((sum, tokens) => sum + tokens, 0);
  }

  get evictedBlocks(): number {
    return this.#cache.evictedBlocks;
  }

  enqueue(slot: number): void {
    const { requests } = this.#parts;
    const request: PlainRequest = {
      slot,
      row: requests.row[slot]!,
      readyUs: requests.readyUs[slot]!,
      priority: requests.priority[slot]!,
      holding: { findable: [], hidden: [], tokens: 0 },
      promptTokens: requests.promptTokens[slot]!,
      outputTokens: requests.outputTokens[slot]!,
      computedTokens: 0,
      generatedTokens: 0,
      lastTokenUs: NaN,
      decoding: false,
      loaded: false,
      preempted: false,
      single: false,
    };
    this.#addWaiting(request);
    this.counters.peakWaiting = Math.max(this.counters.peakWaiting, this.#waiting.length + this.#loading.size);
    if (this.#busy || this.#waiting[0] !== request) return;
    const key = eventKey(request.readyUs, Phase.stepStart);
    if (this.#aborts.length === 0 || key < this.nextKey) this.nextKey = key;
  }

  abort(slot: number, nowUs: number): void {
    this.#aborts.push(slot);
    if (!this.#busy && !this.#loading.has(slot)) this.nextKey = eventKey(nowUs, Phase.stepStart);
  }

  loaded(slot: number, nowUs: number): void {
    const request = this.#loading.get(slot)!;
    this.#loading.delete(slot);
    request.loaded = true;
    this.#insertAfterLoaded(request);
    if (!this.#busy) this.nextKey = eventKey(nowUs, Phase.stepStart);
  }

  /** Before all others, but for the loaded requests that were there first. */
  #insertAfterLoaded(request: PlainRequest): void {
    const at = this.#waiting.findIndex((other) => !other.loaded);
    this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, request);
  }

  /** Before all others, but for those that were loaded or passed over. */
  #insertBeforeUnseen(request: PlainRequest): void {
    const at = this.#waiting.findIndex((other) => !other.loaded && !this.#lora?.wasSkipped(other.slot));
    this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, request);
  }

  loadFailed(slot: number, computedTokens: number, nowUs: number): void {
    this.#loading.get(slot)!.computedTokens = computedTokens;
    this.loaded(slot, nowUs);
  }

  reconsider(nowUs: number): void {
    const head = this.#waiting[0];
    if (!this.#busy && head !== undefined && head.readyUs <= nowUs) this.nextKey = eventKey(nowUs, Phase.stepStart);
  }

  releaseHeld(slot: number, nowUs: number): void {
    this.#cache.release(this.#held.get(slot)!.holding);
    this.#held.delete(slot);
    if (this.#busy && keyPhase(this.nextKey) === Phase.stepEnd) return;
    for (const gauges of [this.#gauges, this.#settled?.gauges]) {
      if (gauges !== undefined) gauges.freeBlocks = this.#cache.freeBlocks;
    }
    this.reconsider(nowUs);
  }

  #addWaiting(request: PlainRequest): void {
    this.#waiting.push(request);
    if (this.#parts.profile.schedulingPolicy === "priority") {
      this.#waiting.sort((a, b) => Number(b.loaded) - Number(a.loaded) || (a.loaded ? 0 : byPriority(a, b)));
    }
  }

  run(mayStart: boolean): void {
    const key = this.nextKey;
    const nowUs = keyTimeUs(key);
    if (keyPhase(key) === Phase.stepEnd) {
      this.#endStep(nowUs);
      if (!mayStart) {
        this.nextKey = eventKey(nowUs, Phase.stepStart);
        return;
      }
    }
    this.#startStep(nowUs);
  }

  /** `Scheduler.finish_requests`; whether anybody left. */
  #takeAborted(nowUs: number): boolean {
    const leaving = this.#aborts.filter((slot) => !this.#loading.has(slot));
    this.#aborts = this.#aborts.filter((slot) => this.#loading.has(slot));
    this.#cache.blocksAtUs = nowUs;
    for (const slot of leaving) {
      const request = [...this.#running, ...this.#waiting].find((other) => other.slot === slot)!;
      if (this.#running.includes(request)) {
        this.#anchored = null;
        this.#cache.reveal(request.holding, request.row);
        this.#stopGrowing(request);
        this.#sglang?.left(request);
        this.#lora?.leave(slot);
      }
      this.#lora?.forget(slot);
      this.#cache.release(request.holding);
      this.#running = this.#running.filter((other) => other !== request);
      this.#waiting = this.#waiting.filter((other) => other !== request);
      this.#parts.aborted?.(slot);
    }
    return leaving.length > 0;
  }

  /** Who left made the engine idle: no step will tell. */
  #showIdle(nowUs: number): void {
    const ready = this.#waiting.filter((request) => request.readyUs <= nowUs).length;
    this.#gauges = { running: 0, waiting: ready + this.#loading.size, freeBlocks: this.#cache.freeBlocks };
    this.#settled = null;
    this.#parts.log.publish(nowUs);
  }

  /** `Scheduler.schedule`. */
  #startStep(nowUs: number): void {
    const { profile } = this.#parts;
    this.#scheduled.clear();
    this.#encoder?.begin();
    const someLeft = this.#aborts.length > 0 && this.#takeAborted(nowUs);
    const chunks = {
      count: 0,
      completing: 0,
      newTokens: new Int32Array(profile.maxNumSeqs),
      cachedTokens: new Int32Array(profile.maxNumSeqs),
    };
    if (this.#running.length === 0 && (this.#waiting.length === 0 || this.#waiting[0]!.readyUs > nowUs)) {
      this.#busy = false;
      if (someLeft) this.#showIdle(nowUs);
      this.#sglang?.idle();
      this.nextKey = this.#waiting.length === 0 ? Infinity : eventKey(this.#waiting[0]!.readyUs, Phase.stepStart);
      return;
    }
    this.#busy = true;
    this.#stepStartUs = nowUs;
    this.#cache.blocksAtUs = nowUs;
    const preempted = this.#sglang === null ? this.#schedule(nowUs) : this.#sglang.schedule(nowUs);
    this.#waitingAtSchedule = this.#waiting.filter((request) => request.readyUs <= nowUs).length + this.#loading.size;
    this.counters.peakRunning = Math.max(this.counters.peakRunning, this.#running.length);
    this.counters.leastFreeBlocks = Math.min(this.counters.leastFreeBlocks, this.#cache.freeBlocks);
    if (this.#running.length === 0) {
      if (preempted) this.#startStep(nowUs);
      else this.#settle(nowUs);
      return;
    }
    const stepTime = this.#lora?.isRunning ? this.#lora.stepTime : this.#parts.stepTime;
    let decodes = 0;
    let singles = 0;
    let contextTokens = 0;
    for (const [request, tokens] of this.#scheduled) {
      if (request.single) {
        singles++;
        contextTokens += request.computedTokens + 1;
        this.counters.prefillTokens++;
      } else if (request.decoding) {
        decodes++;
        contextTokens += request.computedTokens + 1;
      } else {
        chunks.newTokens[chunks.count] = tokens;
        chunks.cachedTokens[chunks.count++] = request.computedTokens;
        if (request.computedTokens + tokens === numTokens(request)) chunks.completing++;
        this.counters.prefillTokens += tokens;
      }
    }
    const decodesOnly = chunks.count === 0 && decodes === this.#running.length && decodes > 0;
    if (decodesOnly && this.#parts.lockstep === true) {
      this.#clock.reset(nowUs, stepTime.decodeCurve(decodes), decodes, contextTokens);
      this.nextKey = eventKey(nowUs + Math.max(1, Math.round(this.#clock.stepUs(1))), Phase.stepEnd);
    } else if (decodesOnly) {
      const same =
        this.#anchored !== null &&
        this.#anchored.length === decodes &&
        this.#anchored.every((request, index) => request === this.#running[index]);
      if (!same) {
        this.#clock.reset(nowUs, stepTime.decodeCurve(decodes), decodes, contextTokens);
        this.#anchored = [...this.#running];
        this.#clockStep = 0;
      }
      this.#clockStep++;
      this.nextKey = eventKey(this.#clock.endOfUs(this.#clockStep), Phase.stepEnd);
    } else {
      this.#anchored = null;
      const modelUs = stepTime.mixedStepUs(decodes + singles, contextTokens, chunks);
      const slots = [...this.#scheduled.keys()].map(({ slot }) => slot);
      const stepUs = this.#encoder?.stepUs(modelUs, slots) ?? modelUs;
      const loadUs = this.#lora?.takeLoadUs() ?? 0;
      this.nextKey = eventKey(nowUs + loadUs + Math.max(1, Math.round(stepUs)), Phase.stepEnd);
    }
  }

  /** Nothing runs and nobody could be admitted: all wait for loads to end or held blocks to be free. */
  #settle(nowUs: number): void {
    this.#busy = false;
    this.#sglang?.idle();
    const head = this.#waiting[0];
    this.nextKey = head !== undefined && head.readyUs > nowUs ? eventKey(head.readyUs, Phase.stepStart) : Infinity;
    if (this.#settled !== null && this.#settled.sinceUs < nowUs) this.#gauges = this.#settled.gauges;
    const gauges = { running: 0, waiting: this.#waitingAtSchedule, freeBlocks: this.#cache.freeBlocks };
    this.#settled = { sinceUs: nowUs, gauges };
    this.#parts.log.publish(nowUs);
  }

  /** Whether it preempted, and so admitted nobody. */
  #schedule(nowUs: number): boolean {
    const { preempted, left } = this.#scheduleRunning(this.#parts.profile.maxNumBatchedTokens, nowUs);
    if (!preempted) this.#scheduleWaiting(left, nowUs);
    return preempted;
  }

  #scheduleRunning(budget: number, nowUs: number): { preempted: boolean; left: number } {
    const { profile } = this.#parts;
    let left = budget;
    let preempted = false;
    let at = 0;
    while (at < this.#running.length && left > 0) {
      const request = this.#running[at]!;
      let tokens = numTokens(request) - request.computedTokens;
      if (profile.longPrefillTokenThreshold > 0) tokens = Math.min(tokens, profile.longPrefillTokenThreshold);
      tokens = Math.min(tokens, left);
      if (!request.decoding) tokens = this.#fitItems(request, request.computedTokens, tokens, false);
      if (tokens === 0) {
        at++;
        continue;
      }
      const blocks =
        Math.ceil((request.computedTokens + tokens) / profile.blockSizeTokens) -
        Math.ceil(request.computedTokens / profile.blockSizeTokens);
      let served = true;
      while (blocks > this.#cache.freeBlocks) {
        preempted = true;
        const victim = this.#victim();
        const given = this.#scheduled.get(victim);
        if (given !== undefined) {
          left += given;
          this.#scheduled.delete(victim);
          this.#encoder?.takeBack(victim.slot);
        }
        if (this.#running.indexOf(victim) < at) at--;
        this.#preempt(victim, nowUs);
        if (victim === request) {
          served = false;
          break;
        }
      }
      if (!served) break;
      this.#cache.grow(request.holding, request.row, request.computedTokens + tokens, this.#revealsNow(request));
      this.#scheduled.set(request, tokens);
      if (!request.decoding) this.#encoder?.add(request.slot, request.computedTokens, tokens, false);
      left -= tokens;
      at++;
    }
    return { preempted, left };
  }

  /** As many of the tokens as there is room for what they must have encoded. */
  #fitItems({ slot }: PlainRequest, fromTokens: number, tokens: number, isNew: boolean): number {
    return this.#encoder?.fit(slot, fromTokens, tokens, isNew) ?? tokens;
  }

  /** What a request generates is announced when it ends; until then it can be found only by who looks here. */
  #revealsNow(request: PlainRequest): boolean {
    return !request.decoding && this.#parts.streams.hasSegments;
  }

  #victim(): PlainRequest {
    if (this.#parts.profile.schedulingPolicy === "fcfs") return this.#running.at(-1)!;
    return [...this.#running].sort(byPriority).at(-1)!;
  }

  #preempt(request: PlainRequest, nowUs: number): void {
    this.#running.splice(this.#running.indexOf(request), 1);
    this.#lora?.leave(request.slot);
    this.#anchored = null;
    this.#cache.reveal(request.holding, request.row);
    this.#cache.release(request.holding);
    request.computedTokens = 0;
    request.decoding = false;
    request.preempted = true;
    this.#stopGrowing(request);
    if (request.generatedTokens > 0 && Number.isNaN(request.lastTokenUs)) request.lastTokenUs = nowUs;
    if (this.#parts.profile.schedulingPolicy === "fcfs") this.#insertBeforeUnseen(request);
    else this.#addWaiting(request);
    this.counters.preemptions++;
    this.#parts.listener.preempted(request.slot);
  }

  #scheduleWaiting(budget: number, nowUs: number): void {
    const { profile, listener } = this.#parts;
    const size = profile.blockSizeTokens;
    let left = budget;
    let at = 0;
    while (left > 0 && this.#waiting.length > at && this.#running.length < profile.maxNumSeqs) {
      const request = this.#waiting[at]!;
      if (request.readyUs > nowUs) break;
      if (this.#lora?.mayJoin(request.slot) === false) {
        this.#lora.skip(request.slot);
        at++;
        continue;
      }
      if (request.loaded) {
        const taken = this.#admitLoaded(request, at, left);
        if (taken === 0) break;
        left -= taken;
        continue;
      }
      const total = numTokens(request);
      const most = Math.floor((total - 1) / size);
      let hit = this.#cache.match(request.row, most);
      const grower = this.#growerBeyond(request, hit.length, most);
      const hitBlocks = grower === undefined ? hit.length : this.#generatedBlocks(grower, request, most);
      const connector = request.preempted ? null : this.#parts.connector;
      const external = connector?.matchedTokens(request.slot, hitBlocks * size) ?? 0;
      if (external > 0) {
        const free = this.#cache.freeBlocks - hit.filter((block) => block.references === 0).length;
        if (Math.ceil(total / size) - hitBlocks > free) break;
        this.#waiting.splice(at, 1);
        if (grower !== undefined) {
          this.#cache.reveal(grower.holding, grower.row);
          hit = this.#cache.match(request.row, hitBlocks);
        }
        this.#cache.acquire(request.holding, hit);
        this.#cache.grow(request.holding, request.row, total, false);
        request.computedTokens = Math.min(hitBlocks * size + external, total - 1);
        this.#loading.set(request.slot, request);
        connector?.startLoad(request.slot, hitBlocks * size, external, nowUs);
        continue;
      }
      let tokens = total - hitBlocks * size;
      if (profile.longPrefillTokenThreshold > 0) tokens = Math.min(tokens, profile.longPrefillTokenThreshold);
      if (tokens > left && tokens <= profile.maxNumBatchedTokens && !profile.enableChunkedPrefill) break;
      tokens = Math.min(tokens, left);
      tokens = this.#fitItems(request, hitBlocks * size, tokens, true);
      if (tokens === 0) break;
      const available = this.#cache.freeBlocks - hit.filter((block) => block.references === 0).length;
      if (profile.schedulerReserveFullIsl && Math.ceil(total / size) - hitBlocks > available) break;
      if (Math.ceil((hitBlocks * size + tokens) / size) - hitBlocks > available) break;
      if (profile.guaranteedNoEvict && this.#promisedBlocks(request) - hitBlocks > available) break;
      this.#waiting.splice(at, 1);
      this.#running.push(request);
      this.#lora?.enter(request.slot);
      if (grower !== undefined) {
        this.#cache.reveal(grower.holding, grower.row);
        hit = this.#cache.match(request.row, hitBlocks);
      }
      this.#cache.acquire(request.holding, hit);
      request.computedTokens = hitBlocks * size;
      this.#cache.grow(request.holding, request.row, request.computedTokens + tokens, this.#parts.streams.hasSegments);
      this.#scheduled.set(request, tokens);
      this.#encoder?.add(request.slot, request.computedTokens, tokens, true);
      listener.scheduled(request.slot, request.computedTokens);
      left -= tokens;
    }
  }

  /** What running requests will yet take to their ends, and all that the one that waits will. */
  #promisedBlocks(candidate: PlainRequest): number {
    const size = this.#parts.profile.blockSizeTokens;
    const all = (request: PlainRequest): number => Math.ceil((request.promptTokens + request.outputTokens) / size);
    const held = (request: PlainRequest): number => Math.ceil(request.holding.tokens / size);
    return this.#running.reduce((sum, request) => sum + all(request) - held(request), all(candidate));
  }

  /** Admits a request whose blocks are there already; returns the tokens that it takes of the budget. */
  #admitLoaded(request: PlainRequest, at: number, budget: number): number {
    const { profile, listener } = this.#parts;
    const { holding, computedTokens } = request;
    const total = numTokens(request);
    let tokens = total - computedTokens;
    if (profile.longPrefillTokenThreshold > 0) tokens = Math.min(tokens, profile.longPrefillTokenThreshold);
    if (tokens > budget && !profile.enableChunkedPrefill) return 0;
    tokens = this.#fitItems(request, computedTokens, Math.min(tokens, budget), true);
    if (tokens === 0) return 0;
    this.#encoder?.add(request.slot, computedTokens, tokens, true);
    this.#waiting.splice(at, 1);
    this.#running.push(request);
    this.#lora?.enter(request.slot);
    request.loaded = false;
    request.single = tokens === 1 && computedTokens + 1 === total;
    const blocks = (upTo: number): number => Math.ceil(upTo / profile.blockSizeTokens);
    this.#cache.giveBack(holding, blocks(total) - blocks(computedTokens + tokens));
    holding.tokens = computedTokens + tokens;
    if (this.#parts.streams.hasSegments && this.#sglang === null) this.#cache.reveal(holding, request.row);
    this.#scheduled.set(request, tokens);
    listener.scheduled(request.slot, computedTokens);
    return tokens;
  }

  /** The request, if any, that is generating the blocks with which a hit of `blocks` blocks goes on. */
  #growerBeyond(request: PlainRequest, blocks: number, most: number): PlainRequest | undefined {
    if (!this.#parts.profile.enablePrefixCaching || blocks >= most) return undefined;
    const grower = this.#growing.get(this.#cache.segmentOf(request.row, blocks));
    return grower !== undefined && this.#generatedBlocks(grower, request, most) > blocks ? grower : undefined;
  }

  /** Full blocks of the grower, this step's token included, as far as the request's stream is the same. */
  #generatedBlocks(grower: PlainRequest, request: PlainRequest, most: number): number {
    const segment = this.#parts.streams.outputSegment(grower.row);
    let blocks = Math.min(most, Math.floor(grower.holding.tokens / this.#parts.profile.blockSizeTokens));
    while (blocks > 0 && this.#cache.segmentOf(request.row, blocks - 1) !== segment) blocks--;
    return blocks;
  }

  #startGrowing(request: PlainRequest): void {
    const { streams } = this.#parts;
    const segment = streams.outputSegment(request.row);
    if (this.#sglang !== null) return;
    if (streams.outputIsShared(request.row) && !this.#growing.has(segment)) this.#growing.set(segment, request);
  }

  #stopGrowing(request: PlainRequest): void {
    const segment = this.#parts.streams.outputSegment(request.row);
    if (this.#growing.get(segment) === request) this.#growing.delete(segment);
  }

  /** `Scheduler.update_from_output`. */
  #endStep(nowUs: number): void {
    const { itl, listener, streams } = this.#parts;
    const anchored = this.#anchored !== null;
    const gapUs = anchored ? this.#clock.stepUs(this.#clockStep) : nowUs - this.#stepStartUs;
    this.#settled = null;
    this.#cache.blocksAtUs = nowUs;
    this.counters.steps++;
    this.counters.busyUs += nowUs - this.#stepStartUs;
    for (const request of this.#running) {
      if (request.decoding && !this.#scheduled.has(request) && Number.isNaN(request.lastTokenUs)) {
        request.lastTokenUs = this.#stepStartUs;
      }
    }
    const ended: PlainRequest[] = [];
    for (const [request, tokens] of this.#scheduled) {
      const decode = request.decoding;
      request.single = false;
      request.computedTokens += tokens;
      // vLLM's are findable as soon as they are scheduled.
      if (this.#sglang !== null && !decode && streams.hasSegments) this.#cache.reveal(request.holding, request.row);
      if (request.computedTokens < numTokens(request)) continue;
      request.generatedTokens++;
      this.counters.decodeTokens++;
      if (request.generatedTokens === 1) listener.firstToken(request.slot);
      else if (!Number.isNaN(request.lastTokenUs)) {
        itl.add(nowUs - request.lastTokenUs, 1);
        request.lastTokenUs = NaN;
      } else if (decode) itl.add(gapUs, 1);
      if (request.generatedTokens < request.outputTokens) {
        request.decoding = true;
        if (!decode) this.#startGrowing(request);
        continue;
      }
      ended.push(request);
    }
    for (const request of ended) {
      this.#aborts = this.#aborts.filter((slot) => slot !== request.slot);
      this.#stopGrowing(request);
      this.#sglang?.left(request);
      this.#lora?.leave(request.slot);
      this.#running.splice(this.#running.indexOf(request), 1);
      if (streams.outputIsShared(request.row)) this.#cache.reveal(request.holding, request.row);
      if (this.#parts.connector?.holdsBlocks(request.slot)) this.#held.set(request.slot, request);
      else this.#cache.release(request.holding);
      listener.finished(request.slot);
    }
    this.#gauges = {
      running: this.#running.length,
      waiting: this.#waitingAtSchedule,
      freeBlocks: this.#cache.freeBlocks,
    };
    this.#parts.log.publish(nowUs);
  }

  gaugesAt(timeUs: number, into: EngineGauges): void {
    const gauges = this.#settled !== null && timeUs > this.#settled.sinceUs ? this.#settled.gauges : this.#gauges;
    into.running = gauges.running;
    into.waiting = gauges.waiting;
    into.freeBlocks = gauges.freeBlocks;
  }

  publishUntil(): void {
    // Every step is an event of its own here: nothing is ever behind.
  }
}
