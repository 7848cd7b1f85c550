import type { ItlRecorder } from "./itl-histogram.ts";
import { RequestState, type RequestsInFlight } from "./requests-in-flight.ts";
import type { StretchClock } from "./stretch-clock.ts";

/** Records gaps between tokens: those of a decode batch all at once, and the longer ones of requests that had to wait. */
export class GapRecorder {
  readonly #itl: ItlRecorder;
  readonly #requests: RequestsInFlight;
  /** Decoding requests that got no token in an earlier step, and none since. */
  #lateSlots: number[] = [];
  /** Decoding requests that wait for prefill steps to end: those of `sequence` from one's end to the next one's. */
  #stalls: { count: number; readonly endSequence: number; readonly sinceUs: number }[] = [];
  #stalled = 0;

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

  /** All `decodes` decoding requests, which are those of `sequence` below `endSequence`, get nothing in the step that starts now. */
  stall(decodes: number, endSequence: number, nowUs: number): void {
    if (decodes === this.#stalled) return;
    this.#stalls.push({ count: decodes - this.#stalled, endSequence, sinceUs: nowUs });
    this.#stalled = decodes;
  }

  /** Takes a request from those that wait so; since when it did, NaN if it does not. */
  unstall(slot: number): number {
    const sequence = this.#requests.sequence[slot]!;
    const stall = this.#stalls.find(({ endSequence }) => sequence < endSequence);
    if (stall === undefined) return NaN;
    stall.count--;
    this.#stalled--;
    return stall.sinceUs;
  }

  /** Whether requests wait longer for their next token than a step. */
  get hasLate(): boolean {
    return this.#lateSlots.length > 0 || this.#stalled > 0;
  }

  /**
   * The batch's gap will be counted for those that starved before this step too; theirs is longer.
   *
   * @param onlyOfStep the step of whose `scheduledStep` a request must be to be in the batch; NaN when all are
   */
  late(stepUs: number, endUs: number, onlyOfStep: number): void {
    const { state, lastTokenUs, scheduledStep } = this.#requests;
    for (const { count, sinceUs } of this.#stalls) {
      this.#itl.add(stepUs, -count);
      this.#itl.add(endUs - sinceUs, count);
    }
    this.#stalls = [];
    this.#stalled = 0;
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
    this.unstall(slot);
  }
}
