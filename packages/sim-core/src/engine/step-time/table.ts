import { ScenarioError } from "../../errors.ts";
import type { DecodeCurve, PrefillChunks, StepTimeModel } from "../step-time-model.ts";
import { curveAt } from "./decode-curve.ts";
import { noFloorUs } from "./no-floor.ts";

/** Measured step times. */
export interface StepTimeTable {
  /** Sequences of the measured decode batches, ascending from 1. */
  readonly decodeSeqs: readonly number[];
  /** Context of each sequence, ascending from 0, two or more. */
  readonly contextTokens: readonly number[];
  /** `decodeUs[i][j]` for `decodeSeqs[i]` sequences of `contextTokens[j]`. */
  readonly decodeUs: readonly (readonly number[])[];
  /** New tokens of the measured prefill-only steps, ascending from 1. */
  readonly prefillTokens: readonly number[];
  readonly prefillUs: readonly number[];
  /** Added for each pair of a new token and a computed one before its chunk. */
  readonly perCachedPairUs: number;
}

function requireAscending(name: string, values: readonly number[], least: number): void {
  const fine = values.length >= least && values.every((value, i) => value >= 0 && (i === 0 || value > values[i - 1]!));
  if (fine) return;
  throw new ScenarioError(
    `step-time table: ${name} is [${values.join(", ")}], allowed: ${least} or more ascending numbers`,
  );
}

function requireTimes(name: string, values: readonly number[] | undefined, count: number): void {
  if (values?.length === count && values.every((value) => value > 0 && value < Number.POSITIVE_INFINITY)) return;
  throw new ScenarioError(
    `step-time table: ${name} has ${values?.length ?? 0} times, allowed: ${count} numbers above 0`,
  );
}

/** Linear between knots, level before the first, in proportion to `x` beyond the last. */
function interpolate(knots: readonly number[], values: readonly number[], x: number): number {
  const last = knots.length - 1;
  if (x <= knots[0]!) return values[0]!;
  if (x >= knots[last]!) return (values[last]! * x) / knots[last]!;
  let i = 0;
  while (knots[i + 1]! <= x) i++;
  return values[i]! + ((values[i + 1]! - values[i]!) * (x - knots[i]!)) / (knots[i + 1]! - knots[i]!);
}

/**
 * A table of measured steps, interpolated linearly. A mixed step costs the prefill of its tokens, and of each decoding
 * sequence as of one more token, plus the decode batch's growth over an empty context.
 *
 * @throws ScenarioError on a table that is not complete or not ascending
 */
export function createTableStepTime(table: StepTimeTable): StepTimeModel {
  const { decodeSeqs, contextTokens, decodeUs, prefillTokens, prefillUs, perCachedPairUs } = table;
  requireAscending("decodeSeqs", decodeSeqs, 1);
  requireAscending("contextTokens", contextTokens, 2);
  requireAscending("prefillTokens", prefillTokens, 1);
  requireTimes("prefillUs", prefillUs, prefillTokens.length);
  decodeSeqs.forEach((_, i) => {
    requireTimes(`decodeUs[${i}]`, decodeUs[i], contextTokens.length);
  });
  const curves: (DecodeCurve | undefined)[] = [];
  const decodeCurve = (seqs: number): DecodeCurve => {
    const known = curves[seqs];
    if (known !== undefined) return known;
    const columns = contextTokens.map((_, j) => decodeUs.map((row) => row[j]!));
    const curve = {
      contextTokens: Float64Array.from(contextTokens, (context) => context * seqs),
      timeUs: Float64Array.from(columns, (column) => interpolate(decodeSeqs, column, seqs)),
    };
    curves[seqs] = curve;
    return curve;
  };
  const mixedStepUs = (seqs: number, decodeContextTokens: number, chunks: PrefillChunks): number => {
    let tokens = seqs;
    let stepUs = 0;
    for (let i = 0; i < chunks.count; i++) {
      tokens += chunks.newTokens[i]!;
      stepUs += perCachedPairUs * chunks.newTokens[i]! * chunks.cachedTokens[i]!;
    }
    stepUs += interpolate(prefillTokens, prefillUs, tokens);
    if (seqs > 0) stepUs += curveAt(decodeCurve(seqs), decodeContextTokens) - decodeCurve(seqs).timeUs[0]!;
    return stepUs;
  };
  return { decodeCurve, mixedStepUs, floorUs: noFloorUs };
}
