import type { EngineProfile } from "./profile.ts";
import { RequestState } from "./requests-in-flight.ts";
import type { RulesHost, SchedulingRules } from "./scheduling-rules.ts";
import { CLIP_MAX_NEW_TOKENS, SglangTokenRatio } from "./sglang-token-ratio.ts";

const NONE = -1;

/**
 * SGLang 0.5's scheduling (`python/sglang/srt/managers/scheduler.py`, `schedule_policy.py` and `schedule_batch.py` of
 * 0.5.3 to 0.5.5), without mixed chunks:
 *
 * - A step is a prefill batch or a decode batch, and prefill goes first (`get_next_batch_to_run`).
 * - A request is admitted when its prompt and all it may generate fit beside what `new_token_ratio` sets aside for those that
 *   run (`PrefillAdder.add_one_req`). When it does not, or all places are taken, the batch is full: nobody is asked before
 *   a decode step has seen that a request ended (`batch_is_full`). Ended ones keep their place until that step.
 * - One prompt at most is split over steps; nobody comes in behind it until its last chunk.
 * - When memory runs out, decoding requests are retracted, fewest generated tokens first, of those the longest prompt
 *   (`retract_decode`). They go to the end of the queue, and what they generated is not kept.
 *
 * Simplified: a request asks for as many tokens as it gets. Results are there at the end of their step, without the step's
 * delay of the overlap scheduler. A full batch that runs nothing does not wait, as with the hierarchical cache. Who is
 * alone needs room for its prompt only, where SGLang cuts what it may generate; and the last of a batch is retracted too,
 * where SGLang stops. Priorities order the queue and preempt nobody. Of what a `KvConnector` loads, prompts that are there
 * up to their last token join the decode batch, as those of SGLang's decode servers do. Findable tokens are reused by when
 * they were last held, deepest first; SGLang's leaves also by when they were last looked up, and whole.
 */
export class SglangRules implements SchedulingRules {
  readonly #host: RulesHost;
  readonly #places: number;
  readonly #budgetTokens: number;
  readonly #chunked: boolean;
  readonly #pageTokens: number;
  readonly #ratio: SglangTokenRatio;
  /** Nobody is asked until a request has ended. */
  #full = false;
  /** Ended requests that no decode step has seen: they have their place still. */
  #unseenEnds = 0;
  /** Requests of the last prefill batch that do not join the running batch: ended, or not done. */
  #prefillShrank = false;
  /** Of the pass in hand: output tokens set aside for those that it admitted, and what may be computed. */
  #reservedTokens = 0;
  #leftTokens = 0;
  emptied = false;

  constructor(host: RulesHost, profile: EngineProfile) {
    this.#host = host;
    this.#places = profile.maxNumSeqs;
    this.#budgetTokens = profile.maxNumBatchedTokens;
    this.#chunked = profile.enableChunkedPrefill;
    this.#pageTokens = profile.blockSizeTokens;
    this.#ratio = new SglangTokenRatio(profile.scheduleConservativeness ?? 1);
  }

  schedule(): number {
    const host = this.#host;
    const { running, partial, requests } = host;
    this.emptied = false;
    if (this.#prefillShrank) this.#full = false;
    this.#prefillShrank = false;
    if (running.length === 0 && (this.#full || this.#unseenEnds >= this.#places)) this.idle();
    const endSequence = partial === NONE ? host.nextSequence : requests.sequence[partial]!;
    this.#prefill();
    if (host.chunks.count === 0) return this.#decode();
    host.gaps.stall(host.batch.size, endSequence, host.nowUs);
    return 0;
  }

  canAdmit(): boolean {
    const { waiting, requests, running } = this.#host;
    if (running.length + this.#unseenEnds >= this.#places) return false;
    return !this.#full || (waiting.first !== NONE && requests.state[waiting.first] === RequestState.loaded);
  }

  left(slot: number): void {
    if (this.#host.requests.state[slot] === RequestState.decode) this.#unseenEnds++;
    else this.#prefillShrank = true;
  }

  idle(): void {
    this.#full = false;
    this.#unseenEnds = 0;
    this.#ratio.reset(this.#host.batch.steps);
  }

  // --- a prefill batch ----------------------------------------------------------------------------------------------

  /** `get_new_batch_prefill`. */
  #prefill(): void {
    const host = this.#host;
    this.#reservedTokens = 0;
    this.#leftTokens = this.#budgetTokens;
    const { partial } = host;
    if (partial !== NONE && !this.#finishChunked(partial)) return;
    const { requests, waiting, running } = host;
    let promisedTokens = NaN;
    while (waiting.length > 0 && requests.readyUs[waiting.first]! <= host.nowUs) {
      const slot = waiting.first;
      const isLoaded = requests.state[slot] === RequestState.loaded;
      if (this.#full && !isLoaded) return;
      if (Number.isNaN(promisedTokens)) promisedTokens = this.#promisedTokens();
      if (running.length + this.#unseenEnds >= this.#places) {
        this.#full = true;
        return;
      }
      const goesOn = isLoaded ? this.#addLoaded(slot) : this.#add(slot, promisedTokens);
      if (!goesOn) return;
    }
  }

  /** `add_chunked_req`: the next chunk of the prompt that is split; whether it was the last. */
  #finishChunked(slot: number): boolean {
    const { requests } = this.#host;
    const left = requests.numTokens[slot]! - requests.computedTokens[slot]!;
    // Its blocks are there: nobody has taken any since it came in with room for all of them.
    const tokens = Math.min(left, this.#leftTokens);
    this.#host.continuePrefill(slot, tokens);
    return this.#charge(slot, tokens, tokens < left);
  }

  /** Whether others may come in behind a request that was given `tokens`. */
  #charge(slot: number, tokens: number, isTruncated: boolean): boolean {
    this.#leftTokens -= this.#paged(tokens);
    if (isTruncated) {
      this.#prefillShrank = true;
      return false;
    }
    this.#reservedTokens += Math.min(this.#host.requests.outputTokens[slot]!, CLIP_MAX_NEW_TOKENS);
    return true;
  }

  /** `add_one_req`; whether the next may be asked. */
  #add(slot: number, promisedTokens: number): boolean {
    const host = this.#host;
    const { cache, requests, running } = host;
    host.match(slot);
    const load = host.startLoad(slot);
    if (load === "gone") return true;
    const numTokens = requests.numTokens[slot]!;
    const extendTokens = numTokens - cache.hitBlocks * this.#pageTokens;
    const generated = requests.generatedTokens[slot]!;
    const outputTokens = Math.min(requests.outputTokens[slot]! - generated, CLIP_MAX_NEW_TOKENS);
    const availableTokens = (cache.freeBlocks - cache.hitFreeBlocks) * this.#pageTokens;
    const fits =
      running.length === 0
        ? this.#paged(extendTokens) <= availableTokens
        : extendTokens + outputTokens < availableTokens - this.#reservedTokens - promisedTokens;
    if (load === "blocked" || !fits) {
      this.#full = running.length > 0;
      return false;
    }
    const tokens = this.#share(extendTokens);
    if (tokens === 0) return false;
    host.admit(slot, tokens);
    return this.#charge(slot, tokens, tokens < extendTokens) && this.#hasBudget(promisedTokens);
  }

  /** How many of a prompt's tokens the pass has left for it; 0 when it is to wait. */
  #share(tokens: number): number {
    if (!this.#chunked) return this.#paged(tokens) >= this.#leftTokens && this.#host.chunks.count > 0 ? 0 : tokens;
    if (this.#paged(tokens) <= this.#leftTokens) return tokens;
    return Math.max(0, Math.floor(this.#leftTokens / this.#pageTokens) * this.#pageTokens);
  }

  /** `budget_state`. */
  #hasBudget(promisedTokens: number): boolean {
    const freeTokens = this.#host.cache.freeBlocks * this.#pageTokens;
    if (freeTokens - this.#reservedTokens - promisedTokens <= 0) {
      this.#full = true;
      return false;
    }
    return this.#leftTokens > 0;
  }

  /** A request with blocks: it needs no room. Its last token alone takes nothing of the budget. */
  #addLoaded(slot: number): boolean {
    const { requests } = this.#host;
    const left = requests.numTokens[slot]! - requests.computedTokens[slot]!;
    if (left === 1) {
      this.#host.admitLoaded(slot, 1);
      return true;
    }
    const tokens = this.#share(left);
    if (tokens === 0) return false;
    this.#host.admitLoaded(slot, tokens);
    return this.#charge(slot, tokens, tokens < left) && this.#leftTokens > 0;
  }

  /** `_get_running_request_total_token_offset` of all decoding requests. */
  #promisedTokens(): number {
    const { requests, running, batch } = this.#host;
    const { state, finishStep, next } = requests;
    let tokens = 0;
    for (let slot = running.first; slot !== NONE; slot = next[slot]!) {
      if (state[slot] === RequestState.decode) tokens += Math.min(finishStep[slot]! - batch.steps, CLIP_MAX_NEW_TOKENS);
    }
    return tokens * this.#ratio.at(batch.steps);
  }

  #paged(tokens: number): number {
    return Math.ceil(tokens / this.#pageTokens) * this.#pageTokens;
  }

  // --- a decode batch -----------------------------------------------------------------------------------------------

  /** `update_running_batch`. */
  #decode(): number {
    const { batch, cache } = this.#host;
    if (this.#unseenEnds > 0) this.#full = false;
    this.#unseenEnds = 0;
    if (batch.size === 0) return 0;
    if (batch.growth.blocksAt(batch.steps) > cache.freeBlocks) this.#retract();
    if (batch.size > 0) this.#host.decodeAll(batch.growth.blocksAt(batch.steps));
    return batch.size;
  }

  /** `retract_decode`. */
  #retract(): void {
    const { batch, cache, requests } = this.#host;
    const { promptTokens, outputTokens, finishStep } = requests;
    const generated = (slot: number): number => outputTokens[slot]! - (finishStep[slot]! - batch.steps);
    const slots = this.#decoding().sort((a, b) => generated(b) - generated(a) || promptTokens[a]! - promptTokens[b]!);
    while (slots.length > 0 && batch.growth.blocksAt(batch.steps) > cache.freeBlocks) this.#host.retract(slots.pop()!);
    const sum = (of: (slot: number) => number): number => slots.reduce((tokens, slot) => tokens + of(slot), 0);
    const step = batch.steps + (slots.length > 0 ? 1 : 0);
    this.#ratio.retracted(
      step,
      slots.length,
      sum(generated),
      sum((slot) => outputTokens[slot]!),
    );
    this.#full = false;
    this.emptied = this.#host.running.length === 0;
  }

  #decoding(): number[] {
    const { running, requests } = this.#host;
    const slots: number[] = [];
    for (let slot = running.first; slot !== NONE; slot = requests.next[slot]!) {
      if (requests.state[slot] === RequestState.decode) slots.push(slot);
    }
    return slots;
  }
}
