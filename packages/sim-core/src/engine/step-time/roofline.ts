import { ScenarioError } from "../../errors.ts";
import { stepOverheadUs } from "../profiles.ts";
import type { DecodeCurve, PrefillChunks, StepTimeModel } from "../step-time-model.ts";
import { type AttentionTime, attentionTime } from "./attention.ts";
import { curveAt } from "./decode-curve.ts";
import { devicePeaks } from "./device.ts";
import { hardwareFloor } from "./floor.ts";
import type { RooflineOptions } from "./options.ts";
import { type TokenTime, tokenTime } from "./token-time.ts";

/** Contexts of one sequence at which the decode curves are tabulated, up to the first that the model cannot reach. */
const CONTEXT_KNOTS = [0, 16, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 131072];
/** Beyond it a step's time is taken in proportion to its tokens. */
const MAX_TABULATED_TOKENS = 1 << 20;
/** Knots of a tabulated function: one each below 128, 64 for each octave from there, and the last. */
const KNOTS = 128 + 64 * 13 + 1;

function requireDivisible({ model, tensorParallel }: RooflineOptions): void {
  if (Number.isSafeInteger(tensorParallel) && tensorParallel >= 1 && model.heads % tensorParallel === 0) return;
  throw new ScenarioError(
    `${model.name}: tensorParallel is ${tensorParallel}, allowed: a divisor of its ${model.heads} attention heads`,
  );
}

/** Chunks in a step, nothing cached before them, whose attention time is remembered. */
const FRESH_CHUNKS = 3;

/**
 * Values of a smooth function of whole numbers, computed when they are first asked for: one by one up to 128, then at 64
 * knots an octave and linear between them, as fitted efficiencies know no finer detail. A chord between two values that
 * the hardware allows is above its floor too: the floor is convex.
 *
 * Knots are kept side by side, so that all of them stay in the nearest cache: those of a spacing of 2^e, which are 64 to
 * 128 spacings from 0, stand at 64 e and their number of spacings; the last of one octave is the first of the next.
 */
class Memo {
  readonly #compute: (x: number) => number;
  readonly #knots = new Float64Array(KNOTS).fill(-1);

  constructor(compute: (x: number) => number) {
    this.#compute = compute;
  }

  at(x: number): number {
    if (x > MAX_TABULATED_TOKENS) return (this.at(MAX_TABULATED_TOKENS) * x) / MAX_TABULATED_TOKENS;
    const knots = this.#knots;
    const spacingLog2 = x < 128 ? 0 : 25 - Math.clz32(x);
    const knot = (spacingLog2 << 6) + (x >> spacingLog2);
    const spacing = 1 << spacingLog2;
    const beyond = x & (spacing - 1);
    let low = knots[knot]!;
    if (low < 0) low = this.#fill(knot, x - beyond);
    if (beyond === 0) return low;
    let high = knots[knot + 1]!;
    if (high < 0) high = this.#fill(knot + 1, x - beyond + spacing);
    return low + ((high - low) * beyond) / spacing;
  }

  #fill(knot: number, x: number): number {
    const value = this.#compute(x);
    this.#knots[knot] = value;
    return value;
  }
}

/** A decode curve and the part of its times that does not depend on contexts. */
interface TabulatedCurve extends DecodeCurve {
  readonly baseUs: number;
}

class RooflineStepTime implements StepTimeModel {
  readonly floorUs: StepTimeModel["floorUs"];
  readonly #attention: AttentionTime;
  readonly #layers: number;
  readonly #layersUs: Memo;
  readonly #headUs: Memo;
  /** By the number of chunks in the step. */
  readonly #freshPrefillUs: readonly Memo[];
  readonly #overheadUs: number;
  readonly #contextKnots: readonly number[];
  readonly #curves: (TabulatedCurve | undefined)[] = [];

  constructor(
    options: RooflineOptions,
    attention: AttentionTime,
    tokens: TokenTime,
    floorUs: StepTimeModel["floorUs"],
  ) {
    this.floorUs = floorUs;
    this.#contextKnots = CONTEXT_KNOTS.filter((_, i) => i < 2 || CONTEXT_KNOTS[i - 1]! < options.maxModelLenTokens);
    this.#attention = attention;
    this.#layers = options.model.layers;
    this.#layersUs = new Memo(tokens.layersUs);
    this.#headUs = new Memo(tokens.headUs);
    this.#freshPrefillUs = Array.from(
      { length: FRESH_CHUNKS + 1 },
      (_, chunks) => new Memo((tokens) => attention.prefillUs(tokens, 0, chunks)),
    );
    this.#overheadUs = options.stepOverheadUs ?? stepOverheadUs(options.engineVersion);
  }

  decodeCurve(seqs: number): DecodeCurve {
    return this.#curves[seqs] ?? this.#tabulate(seqs);
  }

  #tabulate(seqs: number): TabulatedCurve {
    const contextTokens = Float64Array.from(this.#contextKnots, (context) => context * seqs);
    const baseUs = this.#baseUs(seqs, seqs);
    const timeUs = new Float64Array(contextTokens.length);
    let attentionUs = 0;
    this.#contextKnots.forEach((context, i) => {
      // Never faster with more context, and below the first measured length as there.
      attentionUs = Math.max(attentionUs, this.#layers * this.#attention.decodeUs(seqs, Math.max(16, context)));
      timeUs[i] = baseUs + attentionUs;
    });
    const curve = { contextTokens, timeUs, baseUs };
    this.#curves[seqs] = curve;
    return curve;
  }

  mixedStepUs(decodeSeqs: number, decodeContextTokens: number, chunks: PrefillChunks): number {
    const { count } = chunks;
    let tokens = decodeSeqs;
    let attentionUs = 0;
    for (let i = 0; i < count; i++) {
      const newTokens = chunks.newTokens[i]!;
      tokens += newTokens;
      const cachedTokens = chunks.cachedTokens[i]!;
      attentionUs +=
        cachedTokens === 0 && count <= FRESH_CHUNKS
          ? this.#freshPrefillUs[count]!.at(newTokens)
          : this.#attention.prefillUs(newTokens, cachedTokens, count);
    }
    let stepUs = this.#baseUs(tokens, decodeSeqs + chunks.completing) + this.#layers * attentionUs;
    if (decodeSeqs > 0) {
      const curve = this.#curves[decodeSeqs] ?? this.#tabulate(decodeSeqs);
      const decodeUs = curveAt(curve, decodeContextTokens) - curve.baseUs;
      stepUs += count > 0 ? decodeUs * this.#attention.mixedDecodeFactor : decodeUs;
    }
    return stepUs;
  }

  /** What does not depend on contexts. */
  #baseUs(tokens: number, rows: number): number {
    return this.#overheadUs + this.#layersUs.at(tokens) + this.#headUs.at(rows);
  }
}

/**
 * The default step-time model: per operator class the roofline over a fitted efficiency, one linear layer over all tokens
 * of the batch, plus all-reduces, small kernels and the engine's overhead above summed kernel times.
 *
 * @throws ScenarioError when the heads do not divide by `tensorParallel` or the engine version is unknown
 */
export function createRooflineStepTime(options: RooflineOptions): StepTimeModel {
  requireDivisible(options);
  const peaks = devicePeaks(options.accelerator);
  const attention = attentionTime(options, peaks);
  const floorUs = hardwareFloor(options, peaks, attention);
  return new RooflineStepTime(options, attention, tokenTime(options, peaks), floorUs);
}
