/** `SGLANG_INIT_NEW_TOKEN_RATIO`, `SGLANG_MIN_NEW_TOKEN_RATIO_FACTOR`, `SGLANG_NEW_TOKEN_RATIO_DECAY_STEPS`. */
const INIT_RATIO = 0.7;
const MIN_RATIO_FACTOR = 0.14;
const DECAY_STEPS = 600;
/** `SGLANG_RETRACT_DECODE_STEPS`. */
const RETRACT_DECODE_STEPS = 20;

/** `SGLANG_CLIP_MAX_NEW_TOKENS_ESTIMATION`: most output tokens of a request for which memory is set aside. */
export const CLIP_MAX_NEW_TOKENS = 4096;

/**
 * The share of the tokens that running requests may still generate for which memory is kept free: `new_token_ratio` of
 * SGLang 0.5's `managers/scheduler.py`. It falls with each decode step, and rises when memory ran out.
 */
export class SglangTokenRatio {
  readonly #init: number;
  readonly #min: number;
  readonly #decayPerStep: number;
  /** The ratio at decode step `#fromStep`. */
  #from: number;
  #fromStep = 0;

  /** @param conservativeness `--schedule-conservativeness` */
  constructor(conservativeness: number) {
    this.#init = Math.min(INIT_RATIO * conservativeness, 1);
    this.#min = Math.min(this.#init * MIN_RATIO_FACTOR, 1);
    this.#decayPerStep = (this.#init - this.#min) / DECAY_STEPS;
    this.#from = this.#init;
  }

  /** After `decodeSteps` decode steps in all. The first value is kept until the next step, also where it is below the least. */
  at(decodeSteps: number): number {
    const steps = decodeSteps - this.#fromStep;
    return steps <= 0 ? this.#from : Math.max(this.#from - steps * this.#decayPerStep, this.#min);
  }

  /** The engine idles. */
  reset(decodeSteps: number): void {
    this.#from = this.#init;
    this.#fromStep = decodeSteps;
  }

  /**
   * Requests were retracted: what those that are left have generated says how much they use of what they ask for.
   *
   * @param decodeSteps the step without them included, which does not lower the ratio
   */
  retracted(decodeSteps: number, requests: number, generatedTokens: number, outputTokens: number): void {
    this.#from = Math.min((generatedTokens + RETRACT_DECODE_STEPS * requests) / (outputTokens + 1), 1);
    this.#fromStep = decodeSteps;
  }
}
