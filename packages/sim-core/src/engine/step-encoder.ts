import type { EncoderTimeModel } from "./encoder-time-model.ts";
import type { EngineProfile } from "./profile.ts";
import type { PromptItems } from "./prompt-items.ts";

interface EncoderParts {
  readonly items?: PromptItems | null;
  readonly encoder?: EncoderTimeModel | undefined;
  readonly profile: EngineProfile;
}

/**
 * What an engine encodes in the step in hand. The rules are vLLM 0.19's (`v1/core/sched/scheduler.py`,
 * `_try_schedule_encoder_inputs`; `v1/core/encoder_cache_manager.py`): an item is encoded whole, in the step that first
 * computes one of its tokens, and its embeddings stay until the last of them is computed. The items of a step, those of
 * which some tokens are left over from earlier steps included, have room for as many tokens as a step may compute, or as
 * the largest item has; a prompt is computed up to the first item for which there is none.
 *
 * SGLang 0.5 encodes what a prefill batch needs and has no such limit (`python/sglang/srt/managers/mm_utils.py`).
 *
 * Simpler than there: embeddings serve the request that made them and no other, are made anew after a preemption where its
 * tokens are computed anew, and of a request that has no tokens in a step take no room.
 */
export class StepEncoder {
  readonly #items: PromptItems;
  readonly #time: EncoderTimeModel;
  readonly #mostTokens: number;
  #room = 0;
  #count = 0;
  #tokens = 0;
  #squaredTokens = 0;
  /** Prompts of which the step computes tokens that are items for other pods. */
  #forOthers = 0;

  constructor(items: PromptItems, time: EncoderTimeModel, maxNumBatchedTokens: number) {
    this.#items = items;
    this.#time = time;
    this.#mostTokens = Math.max(maxNumBatchedTokens, items.largestTokens);
  }

  begin(): void {
    this.#room = this.#mostTokens;
    this.#count = 0;
    this.#tokens = 0;
    this.#squaredTokens = 0;
    this.#forOthers = 0;
  }

  /**
   * How many of so many tokens can be computed.
   *
   * @param isNew whether none of the request's embeddings are there: it is admitted with this step
   */
  fit(slot: number, fromTokens: number, tokens: number, isNew: boolean): number {
    const items = this.#items;
    const end = items.endOf(slot);
    let room = this.#room;
    for (let item = items.firstOf(slot); item < end; item++) {
      const start = items.startTokens(slot, item);
      const length = items.tokens(item);
      if (start + length <= fromTokens) continue;
      if (start >= fromTokens + tokens) break;
      const isThere = !isNew && start < fromTokens;
      if (!isThere && length > room) return Math.max(0, start - fromTokens);
      room -= length;
    }
    return tokens;
  }

  /** The request is given these tokens. */
  add(slot: number, fromTokens: number, tokens: number, isNew: boolean): void {
    this.#change(slot, fromTokens, tokens, isNew, 1);
  }

  /** A running request is not given them after all. */
  takeBack(slot: number, fromTokens: number, tokens: number): void {
    this.#change(slot, fromTokens, tokens, false, -1);
  }

  #change(slot: number, fromTokens: number, tokens: number, isNew: boolean, sign: 1 | -1): void {
    const items = this.#items;
    if (items.encodesForOther(slot)) this.#forOthers += sign;
    const end = items.endOf(slot);
    for (let item = items.firstOf(slot); item < end; item++) {
      const start = items.startTokens(slot, item);
      const length = items.tokens(item);
      if (start + length <= fromTokens) continue;
      if (start >= fromTokens + tokens) break;
      this.#room -= sign * length;
      if (!isNew && start < fromTokens) continue;
      this.#count += sign;
      this.#tokens += sign * length;
      this.#squaredTokens += sign * length * length;
    }
  }

  /**
   * How long the step takes.
   *
   * @param modelUs the language model's part
   * @param parts prompts and decoding requests of which it computes tokens
   */
  stepUs(modelUs: number, parts: number): number {
    const { encodeStepUs } = this.#time;
    const encodeUs = this.#time.encodeUs(this.#count, this.#tokens, this.#squaredTokens);
    const isForOthers = encodeStepUs !== undefined && this.#forOthers > 0 && this.#forOthers === parts;
    return encodeUs + (isForOthers ? encodeStepUs : modelUs);
  }
}

/** The encoder of an engine's parts; null where none of its requests has anything to encode. */
export function stepEncoder({ items, encoder, profile }: EncoderParts): StepEncoder | null {
  if (!items || encoder === undefined) return null;
  return new StepEncoder(items, encoder, profile.scheduler === "sglang" ? Infinity : profile.maxNumBatchedTokens);
}
