import type { ItlRecorder } from "./itl-histogram.ts";
import { RequestState, type RequestsInFlight } from "./requests-in-flight.ts";
import type { StretchClock } from "./stretch-clock.ts";

/** Records gaps between tokens: those of a decode batch all at once, and the longer ones of requests that had to wait. */
export class GapRecorder {
  readonly #itl: ItlRecorder;
  readonly #requests: RequestsInFlight;
  /** Decoding requests that got no token in an earlier step, and none since. */
  #lateSlots: number[] = [];

  constructor(itl: ItlRecorder, requests: RequestsInFlight) {
    this.#itl = itl;
    this.#requests = requests;
  }

  /** A step of `decodes` requests. */
  step(stepUs: number, decodes: number): void {
    this.#itl.add(stepUs, decodes);
  }

  /** Steps `from` to `to` of a stretch of `decodes` requests. */
  stretch(clock: StretchClock, from: number, to: number, decodes: number): void {
    const itl = this.#itl;
    const first = itl.bucketOf(clock.stepUs(from));
    if (from === to || first === itl.bucketOf(clock.stepUs(to))) {
      itl.counts[first]! += (to - from + 1) * decodes;
      return;
    }
    const middle = (from + to) >> 1;
    this.stretch(clock, from, middle, decodes);
    this.stretch(clock, middle + 1, to, decodes);
  }

  /** The decoding request gets nothing in the step that starts now. */
  starved(slot: number, nowUs: number): void {
    if (!Number.isNaN(this.#requests.lastTokenUs[slot])) return;
    this.#requests.lastTokenUs[slot] = nowUs;
    this.#lateSlots.push(slot);
  }

  /** Whether requests wait longer for their next token than a step. */
  get hasLate(): boolean {
    return this.#lateSlots.length > 0;
  }

  /**
   * The batch's gap will be counted for those that starved before this step too; theirs is longer.
   *
   * @param onlyOfStep the step of whose `scheduledStep` a request must be to be in the batch; NaN when all are
   */
  late(stepUs: number, endUs: number, onlyOfStep: number): void {
    const { state, lastTokenUs, scheduledStep } = this.#requests;
    this.#lateSlots = this.#lateSlots.filter((slot) => {
      if (state[slot] !== RequestState.decode || Number.isNaN(lastTokenUs[slot])) return false;
      if (!Number.isNaN(onlyOfStep) && scheduledStep[slot] !== onlyOfStep) return true;
      this.#itl.add(stepUs, -1);
      this.afterPreemption(slot, endUs);
      return false;
    });
  }

  /** The gap before the first token after a preemption. */
  afterPreemption(slot: number, tokenUs: number): void {
    this.#itl.add(tokenUs - this.#requests.lastTokenUs[slot]!, 1);
    this.#requests.lastTokenUs[slot] = NaN;
  }

  /** The request has gone. */
  forget(slot: number): void {
    this.#lateSlots = this.#lateSlots.filter((other) => other !== slot);
  }
}
