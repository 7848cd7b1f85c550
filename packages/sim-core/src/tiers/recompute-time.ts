import type { EngineProfile } from "../engine/profile.ts";
import type { PrefillChunks, StepTimeModel } from "../engine/step-time-model.ts";

/** How long an engine takes to compute part of a prompt by itself, in steps of its token budget. */
export class RecomputeTime {
  readonly #stepTime: StepTimeModel;
  readonly #budgetTokens: number;
  readonly #chunk: PrefillChunks = {
    count: 1,
    completing: 0,
    newTokens: new Int32Array(1),
    cachedTokens: new Int32Array(1),
  };

  constructor(stepTime: StepTimeModel, profile: EngineProfile) {
    this.#stepTime = stepTime;
    this.#budgetTokens = profile.maxNumBatchedTokens;
  }

  /** From `fromTokens` computed tokens to the end of a prompt. */
  us(fromTokens: number, promptTokens: number): number {
    const chunk = this.#chunk;
    let us = 0;
    for (let at = fromTokens; at < promptTokens; at += this.#budgetTokens) {
      const left = promptTokens - at;
      chunk.newTokens[0] = left < this.#budgetTokens ? left : this.#budgetTokens;
      chunk.cachedTokens[0] = at;
      chunk.completing = left <= this.#budgetTokens ? 1 : 0;
      us += this.#stepTime.mixedStepUs(0, 0, chunk);
    }
    return us;
  }
}
