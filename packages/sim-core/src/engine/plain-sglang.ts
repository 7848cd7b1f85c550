import type { EngineCounters } from "./engine-listener.ts";
import type { PlainKvCache } from "./plain-kv-cache.ts";
import { byPriority, numTokens, type PlainRequest } from "./plain-request.ts";
import type { PlainStepEncoder } from "./plain-step-encoder.ts";
import type { EngineParts } from "./replica.ts";

/** What of the plain engine its rules change. */
export interface PlainRulesHost {
  readonly parts: EngineParts;
  readonly cache: PlainKvCache;
  readonly counters: EngineCounters;
  readonly encoder: PlainStepEncoder | undefined;
  readonly waiting: PlainRequest[];
  readonly running: PlainRequest[];
  readonly loading: Map<number, PlainRequest>;
  /** Tokens that each request computes in the step. */
  readonly scheduled: Map<PlainRequest, number>;
  admitLoaded(request: PlainRequest, budget: number): number;
}

/** The reference for `SglangRules`: the same rules, one request at a time, in SGLang's order of statements. */
export class PlainSglang {
  readonly #host: PlainRulesHost;
  readonly #initRatio: number;
  readonly #minRatio: number;
  #ratioFrom: number;
  #decays = 0;
  #batchIsFull = false;
  /** Requests that have ended and are still on the list of the running batch. */
  #endedInBatch = 0;
  #lastPrefillShrank = false;
  #chunkedRequest: PlainRequest | null = null;

  constructor(host: PlainRulesHost) {
    this.#host = host;
    this.#initRatio = Math.min(0.7 * (host.parts.profile.scheduleConservativeness ?? 1), 1);
    this.#minRatio = Math.min(this.#initRatio * 0.14, 1);
    this.#ratioFrom = this.#initRatio;
  }

  get #newTokenRatio(): number {
    if (this.#decays === 0) return this.#ratioFrom;
    return Math.max(this.#ratioFrom - this.#decays * ((this.#initRatio - this.#minRatio) / 600), this.#minRatio);
  }

  idle(): void {
    this.#batchIsFull = false;
    this.#endedInBatch = 0;
    this.#ratioFrom = this.#initRatio;
    this.#decays = 0;
  }

  left(request: PlainRequest): void {
    if (request.decoding) this.#endedInBatch++;
    else this.#lastPrefillShrank = true;
    if (this.#chunkedRequest === request) this.#chunkedRequest = null;
  }

  /** `get_next_batch_to_run`; whether it emptied the batch. */
  schedule(nowUs: number): boolean {
    const { running, scheduled } = this.#host;
    if (this.#lastPrefillShrank) this.#batchIsFull = false;
    this.#lastPrefillShrank = false;
    const places = this.#host.parts.profile.maxNumSeqs;
    if (running.length === 0 && (this.#batchIsFull || this.#endedInBatch >= places)) this.idle();
    this.#newPrefillBatch(nowUs);
    if ([...scheduled.keys()].some((request) => !request.single)) return false;
    if (this.#endedInBatch > 0) this.#batchIsFull = false;
    this.#endedInBatch = 0;
    const joining = [...scheduled];
    scheduled.clear();
    const retracted = this.#decodeBatch(nowUs);
    for (const [request, tokens] of joining) scheduled.set(request, tokens);
    return retracted && running.length === 0;
  }

  #pages(tokens: number): number {
    return Math.ceil(tokens / this.#host.parts.profile.blockSizeTokens);
  }

  #newPrefillBatch(nowUs: number): void {
    const { parts, cache, waiting, running, scheduled } = this.#host;
    const { profile } = parts;
    const size = profile.blockSizeTokens;
    // What is aside for requests that run, and for those of this batch.
    let offset = 0;
    for (const request of running) {
      if (request.decoding) offset += Math.min(request.outputTokens - request.generatedTokens, 4096);
    }
    const runningOffset = offset * this.#newTokenRatio;
    let batchOffset = 0;
    let left = profile.maxNumBatchedTokens;
    const charge = (request: PlainRequest, tokens: number): void => {
      left -= this.#pages(tokens) * size;
      const isWhole = this.#chunkedRequest !== request;
      if (isWhole) batchOffset += Math.min(request.outputTokens, 4096);
      else this.#lastPrefillShrank = true;
    };
    const chunked = this.#chunkedRequest;
    if (chunked !== null) {
      const tokens = Math.min(numTokens(chunked) - chunked.computedTokens, left);
      if (chunked.computedTokens + tokens === numTokens(chunked)) this.#chunkedRequest = null;
      cache.grow(chunked.holding, chunked.row, chunked.computedTokens + tokens, false);
      scheduled.set(chunked, tokens);
      this.#host.encoder?.add(chunked.slot, chunked.computedTokens, tokens, false);
      charge(chunked, tokens);
      if (this.#chunkedRequest !== null) return;
    }
    for (;;) {
      const request = waiting[0];
      if (request === undefined || request.readyUs > nowUs) return;
      if (this.#batchIsFull && !request.loaded) return;
      if (running.length + this.#endedInBatch >= profile.maxNumSeqs) {
        this.#batchIsFull = true;
        return;
      }
      const chunks = [...scheduled.keys()].filter((other) => !other.single).length;
      const share = (tokens: number): number => {
        if (!profile.enableChunkedPrefill) return chunks > 0 && this.#pages(tokens) * size >= left ? 0 : tokens;
        return this.#pages(tokens) * size <= left ? tokens : Math.max(0, left - (left % size));
      };
      if (request.loaded) {
        const rest = numTokens(request) - request.computedTokens;
        const tokens = rest === 1 ? 1 : share(rest);
        if (tokens === 0) return;
        this.#host.admitLoaded(request, tokens);
        if (rest === 1) continue;
        if (tokens < rest) this.#chunkedRequest = request;
        charge(request, tokens);
        if (this.#chunkedRequest !== null || left <= 0) return;
        continue;
      }
      const total = numTokens(request);
      const hit = cache.match(request.row, Math.floor((total - 1) / size));
      const available = cache.freeBlocks - hit.filter((block) => block.references === 0).length;
      const connector = request.preempted ? null : parts.connector;
      const external = connector?.matchedTokens(request.slot, hit.length * size) ?? 0;
      if (external > 0) {
        if (this.#pages(total) - hit.length > available) {
          this.#batchIsFull = running.length > 0;
          return;
        }
        waiting.shift();
        cache.acquire(request.holding, hit);
        cache.grow(request.holding, request.row, total, false);
        request.computedTokens = Math.min(hit.length * size + external, total - 1);
        this.#host.loading.set(request.slot, request);
        connector?.startLoad(request.slot, hit.length * size, external, nowUs);
        continue;
      }
      const extend = total - hit.length * size;
      const isAlone = running.length === 0;
      const needed = extend + Math.min(request.outputTokens - request.generatedTokens, 4096);
      const fits = isAlone ? this.#pages(extend) <= available : needed < available * size - batchOffset - runningOffset;
      if (!fits) {
        this.#batchIsFull = !isAlone;
        return;
      }
      const tokens = share(extend);
      if (tokens === 0) return;
      waiting.shift();
      running.push(request);
      cache.acquire(request.holding, hit);
      request.computedTokens = hit.length * size;
      cache.grow(request.holding, request.row, request.computedTokens + tokens, false);
      scheduled.set(request, tokens);
      this.#host.encoder?.add(request.slot, request.computedTokens, tokens, true);
      parts.listener.scheduled(request.slot, request.computedTokens);
      if (tokens < extend) this.#chunkedRequest = request;
      charge(request, tokens);
      if (this.#chunkedRequest !== null) return;
      if (cache.freeBlocks * size - batchOffset - runningOffset <= 0) {
        this.#batchIsFull = true;
        return;
      }
      if (left <= 0) return;
    }
  }

  /** `update_running_batch`; whether requests were retracted. */
  #decodeBatch(nowUs: number): boolean {
    const { cache, running, scheduled } = this.#host;
    const decoding = running.filter((request) => request.decoding);
    if (decoding.length === 0) return false;
    const isShort = (requests: readonly PlainRequest[]): boolean =>
      requests.reduce((pages, { computedTokens: at }) => pages + this.#pages(at + 1) - this.#pages(at), 0) >
      cache.freeBlocks;
    const retracts = isShort(decoding);
    if (retracts) {
      const left = [...decoding].sort(
        (a, b) => b.generatedTokens - a.generatedTokens || a.promptTokens - b.promptTokens,
      );
      while (isShort(left)) {
        const victim = left.pop()!;
        decoding.splice(decoding.indexOf(victim), 1);
        this.#retract(victim, nowUs);
      }
      const generated = left.reduce((sum, request) => sum + request.generatedTokens, 0);
      const output = left.reduce((sum, request) => sum + request.outputTokens, 0);
      this.#ratioFrom = Math.min((generated + 20 * left.length) / (output + 1), 1);
      this.#decays = 0;
      this.#batchIsFull = false;
    } else {
      this.#decays++;
    }
    for (const request of decoding) {
      cache.grow(request.holding, request.row, request.computedTokens + 1, false);
      scheduled.set(request, 1);
    }
    return retracts;
  }

  #retract(request: PlainRequest, nowUs: number): void {
    const { parts, cache, waiting, running, counters } = this.#host;
    running.splice(running.indexOf(request), 1);
    cache.release(request.holding);
    request.computedTokens = 0;
    request.decoding = false;
    request.preempted = true;
    if (Number.isNaN(request.lastTokenUs)) request.lastTokenUs = nowUs;
    request.readyUs = nowUs;
    const { schedulingPolicy } = parts.profile;
    const at = waiting.findIndex((other) =>
      schedulingPolicy === "fcfs"
        ? !other.loaded && other.readyUs > nowUs
        : !other.loaded && byPriority(other, request) > 0,
    );
    waiting.splice(at < 0 ? waiting.length : at, 0, request);
    counters.preemptions++;
    parts.listener.preempted(request.slot);
  }
}
