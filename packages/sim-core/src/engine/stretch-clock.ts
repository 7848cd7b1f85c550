import { FLOAT_ZERO } from "../kernel/float-zero.ts";
import type { DecodeCurve } from "./step-time-model.ts";

/**
 * Time of a stretch of pure-decode steps of an unchanged batch: step k (from 1) ends at `T0 + round(S(k))`, where S is
 * the closed sum of the first k step times from the anchor T0. Walking step by step and jumping to the end evaluate
 * this same expression, so they agree to the microsecond.
 *
 * Step i attends to `firstContextTokens + (i - 1) * seqs` tokens; the curve is linear between its knots, so S is a
 * quadratic in k on each piece. The sums of finished pieces are kept, in the order of the pieces.
 */
export class StretchClock {
  #anchorUs = FLOAT_ZERO;
  #seqs = 0;
  #firstContextTokens = 0;
  #curve: DecodeCurve | undefined;
  /** Current piece: steps before it, their summed time, and its line. */
  #stepsBefore = 0;
  #sumBeforeUs = FLOAT_ZERO;
  #piece = 0;
  #pieceSteps: number = Infinity;
  /** The last step of the piece. */
  #pieceEnd: number = Infinity;
  #pieceFirstUs = FLOAT_ZERO;
  #pieceSlopeUs = FLOAT_ZERO;

  reset(anchorUs: number, curve: DecodeCurve, seqs: number, firstContextTokens: number): void {
    this.#anchorUs = anchorUs;
    this.#curve = curve;
    this.#seqs = seqs;
    this.#firstContextTokens = firstContextTokens;
    this.#restart();
  }

  #restart(): void {
    this.#stepsBefore = 0;
    this.#sumBeforeUs = 0;
    const knots = this.#curve!.contextTokens;
    let piece = 0;
    while (piece + 2 < knots.length && knots[piece + 1]! < this.#firstContextTokens) piece++;
    this.#enter(piece);
  }

  /** Makes `piece` current for the steps from `stepsBefore` on. */
  #enter(piece: number): void {
    const { contextTokens, timeUs } = this.#curve!;
    this.#piece = piece;
    const fromTokens = contextTokens[piece]!;
    const toTokens = contextTokens[piece + 1]!;
    const slopePerToken = (timeUs[piece + 1]! - timeUs[piece]!) / (toTokens - fromTokens);
    const context = this.#firstContextTokens + this.#stepsBefore * this.#seqs;
    this.#pieceFirstUs = timeUs[piece]! + slopePerToken * (context - fromTokens);
    this.#pieceSlopeUs = slopePerToken * this.#seqs;
    // Steps whose context is at or below the piece's upper knot; the last piece goes on for ever.
    this.#pieceSteps = piece + 2 >= contextTokens.length ? Infinity : Math.floor((toTokens - context) / this.#seqs) + 1;
    this.#pieceEnd = this.#stepsBefore + this.#pieceSteps;
  }

  /** Makes the piece of `step` current; nearly always it is, which callers see for themselves. */
  #seek(step: number): void {
    if (step <= this.#stepsBefore) this.#restart();
    while (step > this.#pieceEnd) {
      const steps = this.#pieceSteps;
      this.#sumBeforeUs += steps * this.#pieceFirstUs + (this.#pieceSlopeUs * steps * (steps - 1)) / 2;
      this.#stepsBefore += steps;
      let piece = this.#piece + 1;
      const knots = this.#curve!.contextTokens;
      const context = this.#firstContextTokens + this.#stepsBefore * this.#seqs;
      while (piece + 2 < knots.length && knots[piece + 1]! < context) piece++;
      this.#enter(piece);
    }
  }

  /** Duration of step `step`, before rounding. */
  stepUs(step: number): number {
    if (step <= this.#stepsBefore || step > this.#pieceEnd) this.#seek(step);
    return this.#pieceFirstUs + this.#pieceSlopeUs * (step - this.#stepsBefore - 1);
  }

  /** When step `step` ends; the anchor for 0. */
  endOfUs(step: number): number {
    if (step <= 0) return this.#anchorUs;
    if (step <= this.#stepsBefore || step > this.#pieceEnd) this.#seek(step);
    const steps = step - this.#stepsBefore;
    const sumUs = this.#sumBeforeUs + steps * this.#pieceFirstUs + (this.#pieceSlopeUs * steps * (steps - 1)) / 2;
    return this.#anchorUs + Math.round(sumUs);
  }

  /** The first step, from `atLeast` on, that ends at or after `timeUs`. */
  firstEndingFrom(timeUs: number, atLeast: number): number {
    let low = atLeast;
    let lowEndUs = this.endOfUs(low);
    if (lowEndUs >= timeUs) return low;
    // Steps only get longer with their context, so this step's time never undershoots by much: gallop, then bisect.
    let high = low + Math.max(1, Math.ceil((timeUs - lowEndUs) / this.stepUs(low)));
    let highEndUs = this.endOfUs(high);
    while (highEndUs < timeUs) {
      low = high;
      lowEndUs = highEndUs;
      high = low + Math.max(1, Math.ceil((timeUs - lowEndUs) / this.stepUs(low)));
      highEndUs = this.endOfUs(high);
    }
    while (high - low > 1) {
      // Guess by the line between the two ends, then narrow.
      const guess = low + Math.floor(((timeUs - lowEndUs) / (highEndUs - lowEndUs)) * (high - low));
      const middle = guess <= low ? low + 1 : guess >= high ? high - 1 : guess;
      const endUs = this.endOfUs(middle);
      if (endUs < timeUs) {
        low = middle;
        lowEndUs = endUs;
      } else {
        high = middle;
        highEndUs = endUs;
      }
    }
    return high;
  }

  /** How many steps have ended at or before `timeUs`: at least `atLeast`, which have, and at most `atMost`. */
  stepsEndedBy(timeUs: number, atLeast: number, atMost: number): number {
    if (atMost <= atLeast) return atLeast;
    const first = this.firstEndingFrom(timeUs + 1, atLeast + 1);
    return first > atMost ? atMost : first - 1;
  }
}
