import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DecodeCurve } from "../../../src/engine/step-time-model.ts";
import { StretchClock } from "../../../src/engine/stretch-clock.ts";

/** Three pieces: 10 to 20 over 100 tokens, flat to 300, then 1 us for every 2 tokens without end. */
const CURVE: DecodeCurve = {
  contextTokens: Float64Array.of(0, 100, 300, 400),
  timeUs: Float64Array.of(10, 20, 20, 70),
};

const clockOf = (curve: DecodeCurve, anchorUs: number, seqs: number, firstContext: number): StretchClock => {
  const clock = new StretchClock();
  clock.reset(anchorUs, curve, seqs, firstContext);
  return clock;
};

/** Time at a context, straight from the definition. */
function timeAt({ contextTokens, timeUs }: DecodeCurve, context: number): number {
  let piece = 0;
  while (piece + 2 < contextTokens.length && contextTokens[piece + 1]! < context) piece++;
  const share = (context - contextTokens[piece]!) / (contextTokens[piece + 1]! - contextTokens[piece]!);
  return timeUs[piece]! + share * (timeUs[piece + 1]! - timeUs[piece]!);
}

/**
 * The same sum in exact arithmetic, for curves whose knots are whole tokens and whole microseconds: numerators over the
 * product of all piece lengths.
 */
function exactSumUs({ contextTokens, timeUs }: DecodeCurve, seqs: number, first: number, steps: number): number {
  const lengths = [...contextTokens].slice(1).map((end, at) => BigInt(end - contextTokens[at]!));
  const denominator = lengths.reduce((product, length) => product * length, 1n);
  let numerator = 0n;
  for (let step = 0; step < steps; step++) {
    const context = first + step * seqs;
    let piece = 0;
    while (piece + 2 < contextTokens.length && contextTokens[piece + 1]! < context) piece++;
    const riseUs = BigInt(timeUs[piece + 1]! - timeUs[piece]!);
    const alongTokens = BigInt(context - contextTokens[piece]!);
    numerator += BigInt(timeUs[piece]!) * denominator + (riseUs * alongTokens * denominator) / lengths[piece]!;
  }
  const whole = numerator / denominator;
  return Number(whole) + Number(numerator - whole * denominator) / Number(denominator);
}

const wholeCurve = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 0, max: 90 })), { minLength: 1, maxLength: 6 })
  .chain((pieces) => fc.integer({ min: 1, max: 500 }).map((baseUs) => ({ pieces, baseUs })))
  .map(({ pieces, baseUs }): DecodeCurve => {
    const contextTokens = [0];
    const timeUs = [baseUs];
    for (const [tokens, riseUs] of pieces) {
      contextTokens.push(contextTokens.at(-1)! + tokens);
      timeUs.push(timeUs.at(-1)! + riseUs);
    }
    return { contextTokens: Float64Array.from(contextTokens), timeUs: Float64Array.from(timeUs) };
  });

const stretch = fc.record({
  curve: wholeCurve,
  seqs: fc.integer({ min: 1, max: 40 }),
  first: fc.integer({ min: 1, max: 900 }),
  steps: fc.integer({ min: 1, max: 300 }),
});

describe("StretchClock", () => {
  it("sums by hand over two knots", () => {
    // Contexts 60 100 140 ... 300 340: 16, 20, five times 20, then 40.
    const clock = clockOf(CURVE, 1_000, 40, 60);
    expect([1, 2, 3, 7, 8].map((step) => clock.stepUs(step))).toEqual([16, 20, 20, 20, 40]);
    expect([0, 1, 2, 7, 8].map((step) => clock.endOfUs(step))).toEqual([1_000, 1_016, 1_036, 1_136, 1_176]);
  });

  it("starts beyond the last knot on the last piece's line", () => {
    // 500 tokens: 20 + 200 / 2; 510: 125.
    const clock = clockOf(CURVE, 0, 10, 500);
    expect([clock.stepUs(1), clock.stepUs(2), clock.endOfUs(2)]).toEqual([120, 125, 245]);
  });

  it("crosses several knots in one step", () => {
    const clock = clockOf(CURVE, 0, 390, 10);
    expect([clock.stepUs(1), clock.stepUs(2), clock.endOfUs(2)]).toEqual([11, 70, 81]);
  });

  it("rounds the sum, not the steps", () => {
    const clock = clockOf({ contextTokens: Float64Array.of(0, 1), timeUs: Float64Array.of(1.4, 1.4) }, 0, 1, 1);
    expect([1, 2, 3, 4, 5].map((step) => clock.endOfUs(step))).toEqual([1, 3, 4, 6, 7]);
  });

  it("answers in any order", () => {
    const clock = clockOf(CURVE, 0, 40, 60);
    const forwards = Array.from({ length: 20 }, (_, step) => clock.endOfUs(step));
    const backwards = Array.from({ length: 20 }, (_, step) => clock.endOfUs(19 - step)).reverse();
    expect(backwards).toEqual(forwards);
  });

  it("is the exact sum, to a billionth", () => {
    fc.assert(
      fc.property(stretch, ({ curve, seqs, first, steps }) => {
        const exactUs = exactSumUs(curve, seqs, first, steps);
        const foundUs = clockOf(curve, 0, seqs, first).endOfUs(steps);
        expect(Math.abs(foundUs - exactUs)).toBeLessThanOrEqual(0.5 + 1e-9 * exactUs);
      }),
    );
  });

  it("has each step's time on the curve", () => {
    fc.assert(
      fc.property(stretch, ({ curve, seqs, first, steps }) => {
        const clock = clockOf(curve, 0, seqs, first);
        const expectedUs = timeAt(curve, first + (steps - 1) * seqs);
        expect(Math.abs(clock.stepUs(steps) - expectedUs)).toBeLessThanOrEqual(1e-9 * expectedUs);
      }),
    );
  });

  it("finds the first step that ends at or after a time, and how many ended by then, as a search would", () => {
    fc.assert(
      fc.property(stretch, fc.nat(200_000), fc.nat(50), ({ curve, seqs, first, steps }, timeUs, atLeast) => {
        const clock = clockOf(curve, 77, seqs, first);
        const found = clock.firstEndingFrom(timeUs, atLeast);
        const ended = clock.stepsEndedBy(timeUs, 0, steps);
        const linear = clockOf(curve, 77, seqs, first);
        let step = atLeast;
        while (linear.endOfUs(step) < timeUs) step++;
        expect(found).toBe(step);
        let count = 0;
        while (count < steps && linear.endOfUs(count + 1) <= timeUs) count++;
        expect(ended).toBe(count);
      }),
    );
  });
});
