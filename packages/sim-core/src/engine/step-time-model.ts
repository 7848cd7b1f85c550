/** The prefill part of a step: `count` chunks, each of `newTokens[i]` tokens after `cachedTokens[i]` computed ones. */
export interface PrefillChunks {
  count: number;
  readonly newTokens: Int32Array;
  readonly cachedTokens: Int32Array;
  /** How many of the chunks end their prompt, and so sample a token. */
  completing: number;
}

/**
 * Duration of a pure-decode step at a fixed number of sequences, piecewise linear in the batch's summed context:
 * `timeUs[i]` at `contextTokens[i]` (ascending from 0, two knots or more), the last piece continued beyond the last
 * knot. Piecewise linear, so that a stretch of k steps has a closed sum.
 */
export interface DecodeCurve {
  readonly contextTokens: Float64Array;
  readonly timeUs: Float64Array;
}

/** Maps the composition of a step's batch to its duration, in microseconds with fractions. */
export interface StepTimeModel {
  /**
   * The curve for `seqs` sequences that decode one token each; the same object for the same number. The summed context
   * counts, for each sequence, the tokens it attends to: those computed before, and the one of this step.
   */
  decodeCurve(seqs: number): DecodeCurve;
  /** A step with at least one prefill chunk: one pass over the decoding sequences' tokens and the chunks together. */
  mixedStepUs(decodeSeqs: number, decodeContextTokens: number, chunks: PrefillChunks): number;
  /** What no hardware of this kind can beat for the same batch: peak FLOP/s and peak bandwidth, no overhead. */
  floorUs(decodeSeqs: number, decodeContextTokens: number, chunks: PrefillChunks): number;
  /**
   * Of the time of a step of so many tokens, what data-parallel ranks compute for one another, each having as many: routed
   * experts. Absent: nothing, or not told apart.
   */
  readonly sharedUs?: (tokens: number) => number;
}
