import { BlockGrowth } from "./block-growth.ts";
import { FinishQueue } from "./finish-queue.ts";
import { RequestState, type RequestsInFlight } from "./requests-in-flight.ts";

/**
 * The decoding requests of a replica as counts and sums, so that a step of all of them costs nothing per request: each
 * has computed its `computedTokens` column + `steps`, and ends at its `finishStep`.
 */
export class DecodeBatch {
  /** Decode steps that have been scheduled. */
  steps = 0;
  size = 0;
  /** Summed computed tokens, those of the step in hand included. */
  contextTokens = 0;
  readonly growth: BlockGrowth;
  readonly finishes = new FinishQueue();
  readonly #requests: RequestsInFlight;

  constructor(requests: RequestsInFlight, blockSizeTokens: number) {
    this.#requests = requests;
    this.growth = new BlockGrowth(blockSizeTokens);
  }

  /** The request's prefill is done, and it has `tokensLeft` tokens to generate. */
  add(slot: number, tokensLeft: number): void {
    const requests = this.#requests;
    const numTokens = requests.numTokens[slot]!;
    const offset = numTokens - this.steps;
    requests.state[slot] = RequestState.decode;
    requests.computedTokens[slot] = offset;
    requests.finishStep[slot] = this.steps + tokensLeft;
    this.size++;
    this.contextTokens += numTokens;
    this.growth.add(offset);
    this.finishes.push(this.steps + tokensLeft, slot);
  }

  /**
   * The request decodes no more. Its entry among `finishes` is the caller's to take.
   *
   * @returns the tokens that it has computed
   */
  remove(slot: number): number {
    const offset = this.#requests.computedTokens[slot]!;
    const computed = offset + this.steps;
    this.size--;
    this.contextTokens -= computed;
    this.growth.remove(offset);
    return computed;
  }

  /** All of them get `steps` tokens. */
  advance(steps: number): void {
    this.steps += steps;
    this.contextTokens += steps * this.size;
  }
}
