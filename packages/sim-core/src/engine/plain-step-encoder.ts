import type { EncoderTimeModel } from "./encoder-time-model.ts";
import type { PromptItems } from "./prompt-items.ts";

interface Encoded {
  readonly slot: number;
  readonly startTokens: number;
  readonly tokens: number;
  /** Its embeddings are left over from an earlier step. */
  readonly isThere: boolean;
}

/** The reference for `StepEncoder`: a list of the items of the step in hand, summed up whenever somebody asks. */
export class PlainStepEncoder {
  readonly #items: PromptItems;
  readonly #time: EncoderTimeModel;
  readonly #mostTokens: number;
  #step: Encoded[] = [];

  constructor(items: PromptItems, time: EncoderTimeModel, maxNumBatchedTokens: number) {
    this.#items = items;
    this.#time = time;
    this.#mostTokens = Math.max(maxNumBatchedTokens, items.largestTokens);
  }

  begin(): void {
    this.#step = [];
  }

  /** How many of so many tokens can be computed. */
  fit(slot: number, fromTokens: number, tokens: number, isNew: boolean): number {
    let room = this.#mostTokens - this.#step.reduce((sum, item) => sum + item.tokens, 0);
    for (const item of this.#touched(slot, fromTokens, tokens, isNew)) {
      if (!item.isThere && item.tokens > room) return Math.max(0, item.startTokens - fromTokens);
      room -= item.tokens;
    }
    return tokens;
  }

  /** The request is given these tokens. */
  add(slot: number, fromTokens: number, tokens: number, isNew: boolean): void {
    this.#step.push(...this.#touched(slot, fromTokens, tokens, isNew));
  }

  /** Items of which some of these tokens are. */
  #touched(slot: number, fromTokens: number, tokens: number, isNew: boolean): Encoded[] {
    const first = this.#items.firstOf(slot);
    const own = Array.from({ length: this.#items.endOf(slot) - first }, (_, index) => {
      const startTokens = this.#items.startTokens(slot, first + index);
      const isThere = !isNew && startTokens < fromTokens;
      return { slot, startTokens, tokens: this.#items.tokens(first + index), isThere };
    });
    return own.filter((item) => item.startTokens < fromTokens + tokens && item.startTokens + item.tokens > fromTokens);
  }

  /** The request has no part in the step after all. */
  takeBack(slot: number): void {
    this.#step = this.#step.filter((item) => item.slot !== slot);
  }

  /** How long a step takes whose language model's part takes `modelUs`, with tokens of these requests. */
  stepUs(modelUs: number, slots: readonly number[]): number {
    const made = this.#step.filter(({ isThere }) => !isThere).map(({ tokens }) => tokens);
    const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
    const encodeUs = this.#time.encodeUs(made.length, sum(made), sum(made.map((tokens) => tokens * tokens)));
    const isForOthers = slots.length > 0 && slots.every((slot) => this.#items.encodesForOther(slot));
    return encodeUs + (isForOthers ? (this.#time.encodeStepUs ?? modelUs) : modelUs);
  }
}
