import type { DecodeCurve } from "../step-time-model.ts";

/** The curve's time at a summed context; the last piece goes on beyond the last knot. */
export function curveAt(curve: DecodeCurve, contextTokens: number): number {
  const { contextTokens: knots, timeUs } = curve;
  const last = knots.length - 2;
  let i = 0;
  while (i < last && knots[i + 1]! <= contextTokens) i++;
  const left = knots[i]!;
  const share = (contextTokens - left) / (knots[i + 1]! - left);
  return timeUs[i]! + (timeUs[i + 1]! - timeUs[i]!) * share;
}
