import { exp, log, pow } from "../../kernel/math.ts";
import { normalQuantile } from "../../kernel/normal.ts";
import type { LengthDistribution } from "../generator-schema.ts";

const SMALLEST_PROBABILITY = 2 ** -54;
const GUIDE_CELLS = 65_536;
/** Below this many draws, building a guide costs more than it saves. */
const GUIDE_MIN_DRAWS = 150_000;

/** Maps a uniform draw from [0, 1) to a value of a distribution, ever larger for a larger draw. */
export type Quantile = (uniform: number) => number;

/** A uniform draw kept away from 0, where quantiles of unbounded distributions are infinite. */
export function openUniform(uniform: number): number {
  return Math.max(uniform, SMALLEST_PROBABILITY);
}

/**
 * An integer quantile with a table over equal slices of [0, 1): where both ends of a slice give the same integer, so
 * does every draw between them; only the other slices compute. Same answers as the quantile, several times faster.
 */
export class GuidedQuantile {
  readonly #exact: Quantile;
  readonly #guide: Int32Array | undefined;

  constructor(exact: Quantile, draws: number) {
    this.#exact = exact;
    if (draws < GUIDE_MIN_DRAWS) return;
    this.#guide = new Int32Array(GUIDE_CELLS + 1);
    for (let cell = 0; cell < GUIDE_CELLS; cell++) this.#guide[cell] = exact(cell / GUIDE_CELLS);
    this.#guide[GUIDE_CELLS] = exact(1 - 2 ** -53);
  }

  at(uniform: number): number {
    const guide = this.#guide;
    if (guide === undefined) return this.#exact(uniform);
    const cell = (uniform * GUIDE_CELLS) | 0;
    const low = guide[cell]!;
    return low === guide[cell + 1] ? low : this.#exact(uniform);
  }
}

/** Token counts of one distribution, each from one uniform draw. */
export interface LengthSampler {
  tokensAt(uniform: number): number;
}

/** The sampler of a length distribution; `draws` is how many it will be asked for, to choose how much to prepare. */
export function lengthSampler(distribution: LengthDistribution, draws: number): LengthSampler {
  if (typeof distribution !== "number" && distribution.distribution === "empirical") {
    const { values } = distribution;
    const weights = distribution.weights ?? values.map(() => 1);
    return chosenLength(new GuidedQuantile(categoricalQuantile(weights), draws), Int32Array.from(values));
  }
  const quantile = new GuidedQuantile(lengthQuantile(distribution), draws);
  return { tokensAt: (uniform) => quantile.at(uniform) };
}

/** A sampler that picks a category and gives its entry of `tokens`. */
export function chosenLength(category: GuidedQuantile, tokens: Int32Array): LengthSampler {
  return { tokensAt: (uniform) => tokens[category.at(uniform)]! };
}

/** Quantile of a distribution over whole tokens, at least 1. */
function lengthQuantile(distribution: Exclude<LengthDistribution, { distribution: "empirical" }>): Quantile {
  if (typeof distribution === "number") return () => distribution;
  switch (distribution.distribution) {
    case "fixed":
      return () => distribution.tokens;
    case "uniform": {
      const { min, max } = distribution;
      return (uniform) => min + Math.floor(uniform * (max - min + 1));
    }
    case "lognormal": {
      const quantile = lognormalQuantile(distribution.mean, distribution.sigma);
      return clamped(quantile, distribution);
    }
    case "normal": {
      const { mean, stdev } = distribution;
      return clamped((uniform) => mean + stdev * normalQuantile(openUniform(uniform)), distribution);
    }
    case "geometric": {
      const { mean } = distribution;
      if (mean <= 1) return clamped(() => 1, distribution);
      const logFailure = log(1 - 1 / mean);
      return clamped((uniform) => 1 + Math.floor(log(1 - uniform) / logFailure), distribution);
    }
  }
}

function clamped(quantile: Quantile, { min, max }: { readonly min: number; readonly max: number }): Quantile {
  return (uniform) => Math.min(max, Math.max(min, Math.round(quantile(uniform))));
}

/** Quantile of the lognormal with this mean (of the distribution itself) and this standard deviation of the log. */
export function lognormalQuantile(mean: number, sigma: number): Quantile {
  const mu = log(mean) - (sigma * sigma) / 2;
  return (uniform) => exp(mu + sigma * normalQuantile(openUniform(uniform)));
}

/** Index of a category drawn in proportion to the weights: the first whose cumulative share exceeds the draw. */
export function categoricalQuantile(weights: readonly number[]): Quantile {
  const cumulative = new Float64Array(weights.length);
  let total = 0;
  for (let i = 0; i < weights.length; i++) {
    total += weights[i]!;
    cumulative[i] = total;
  }
  return (uniform) => {
    const target = uniform * total;
    let low = 0;
    let high = cumulative.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (cumulative[middle]! > target) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

/** Zipf weights 1 / rank^exponent of `count` categories; exponent 0 makes them equal. */
export function zipfWeights(count: number, exponent: number): number[] {
  return Array.from({ length: count }, (_, index) => (exponent === 0 ? 1 : pow(index + 1, -exponent)));
}

/**
 * The gamma function for arguments above 0.5 (Lanczos' approximation with g = 7 and nine coefficients, relative error
 * about 1e-15).
 */
export function gammaFunction(x: number): number {
  const coefficients = [
    676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
    -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
  ];
  const shifted = x - 1;
  let series = 0.9999999999998099;
  for (let i = 0; i < coefficients.length; i++) series += coefficients[i]! / (shifted + i + 1);
  const t = shifted + 7.5;
  return 2.5066282746310002 * exp((shifted + 0.5) * log(t) - t) * series;
}
