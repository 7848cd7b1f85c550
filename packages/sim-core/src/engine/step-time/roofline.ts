import { stepOverhead } from "../profiles.ts";
import type { DecodeCurve, PrefillChunks, StepTimeModel } from "../step-time-model.ts";
import { type AttentionTime, mixerTimes } from "./attention.ts";
import { spanBends } from "./attention-span.ts";
import { curveAt } from "./decode-curve.ts";
import { type DevicePeaks, devicePeaks } from "./device.ts";
import { hardwareFloor } from "./floor.ts";
import { requireLayout } from "./layout.ts";
import type { RooflineOptions } from "./options.ts";
import { createPipelineStepTime } from "./pipeline.ts";
import { type TokenTime, tokenTime } from "./token-time.ts";

/** Contexts of one sequence at which the decode curves are tabulated, up to the first that the model cannot reach. */
const CONTEXT_KNOTS = [0, 16, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 131072];
/** Beyond it a step's time is taken in proportion to its tokens. */
const MAX_TABULATED_TOKENS = 1 << 20;
/** Knots of a tabulated function: one each below 128, 64 for each octave from there, and the last. */
const KNOTS = 128 + 64 * 13 + 1;

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
  /** Attention alone, beside prefill chunks. */
  readonly mixed: DecodeCurve;
}

/** Alike layers, and the attention times of fresh chunks by the number of chunks in the step. */
interface Mixer {
  readonly layers: number;
  readonly time: AttentionTime;
  readonly freshPrefillUs: readonly Memo[];
}

class RooflineStepTime implements StepTimeModel {
  readonly floorUs: StepTimeModel["floorUs"];
  readonly sharedUs: (tokens: number) => number;
  readonly #mixers: readonly Mixer[];
  readonly #layersUs: Memo;
  readonly #headUs: Memo;
  readonly #overhead: ReturnType<typeof stepOverhead>;
  readonly #contextKnots: readonly number[];
  /** Tokens that a step computes for each decoding sequence. */
  readonly #queries: number;
  readonly #curves: (TabulatedCurve | undefined)[] = [];

  constructor(options: RooflineOptions, tokens: TokenTime, peaks: DevicePeaks) {
    const mixers = mixerTimes(options, peaks);
    this.floorUs = hardwareFloor(options, peaks, mixers);
    this.#contextKnots = contextKnots(options);
    this.#layersUs = new Memo(tokens.layersUs);
    const expertsUs = new Memo(tokens.expertsUs);
    this.sharedUs = (count) => expertsUs.at(count);
    this.#headUs = new Memo(tokens.headUs);
    this.#mixers = mixers.map(({ layers, time }) => ({
      layers,
      time,
      freshPrefillUs: Array.from(
        { length: FRESH_CHUNKS + 1 },
        (_, chunks) => new Memo((newTokens) => time.prefillUs(newTokens, 0, chunks)),
      ),
    }));
    this.#overhead = stepOverhead(options.engineVersion, options.stepOverheadUs);
    this.#queries = (options.draftTokens ?? 0) + 1;
  }

  decodeCurve(seqs: number): DecodeCurve {
    return this.#curves[seqs] ?? this.#tabulate(seqs);
  }

  #tabulate(seqs: number): TabulatedCurve {
    const contextTokens = Float64Array.from(this.#contextKnots, (context) => context * seqs);
    const baseUs = this.#baseUs(seqs * this.#queries, seqs * this.#queries);
    const timeUs = new Float64Array(contextTokens.length);
    const mixedUs = new Float64Array(contextTokens.length);
    for (const { layers, time } of this.#mixers) {
      let attentionUs = 0;
      this.#contextKnots.forEach((context, i) => {
        // Never faster with more context, and below the first measured length as there.
        attentionUs = Math.max(attentionUs, layers * time.decodeUs(seqs, Math.max(16, context)));
        timeUs[i]! += attentionUs;
        mixedUs[i]! += attentionUs * time.mixedDecodeFactor;
      });
    }
    for (let i = 0; i < timeUs.length; i++) timeUs[i] = baseUs + timeUs[i]!;
    const curve = { contextTokens, timeUs, baseUs, mixed: { contextTokens, timeUs: mixedUs } };
    this.#curves[seqs] = curve;
    return curve;
  }

  /** Attention of all chunks in alike layers. */
  #prefillUs({ layers, time, freshPrefillUs }: Mixer, chunks: PrefillChunks): number {
    const { count, newTokens, cachedTokens } = chunks;
    const fresh = count <= FRESH_CHUNKS ? freshPrefillUs[count]! : undefined;
    let attentionUs = 0;
    for (let i = 0; i < count; i++) {
      const cached = cachedTokens[i]!;
      attentionUs +=
        cached === 0 && fresh !== undefined ? fresh.at(newTokens[i]!) : time.prefillUs(newTokens[i]!, cached, count);
    }
    return layers * attentionUs;
  }

  mixedStepUs(decodeSeqs: number, decodeContextTokens: number, chunks: PrefillChunks): number {
    const { count } = chunks;
    let tokens = decodeSeqs * this.#queries;
    for (let i = 0; i < count; i++) tokens += chunks.newTokens[i]!;
    let stepUs = this.#baseUs(tokens, decodeSeqs * this.#queries + chunks.completing);
    const mixers = this.#mixers;
    for (let i = 0; i < mixers.length; i++) stepUs += this.#prefillUs(mixers[i]!, chunks);
    if (decodeSeqs > 0) {
      const curve = this.#curves[decodeSeqs] ?? this.#tabulate(decodeSeqs);
      stepUs +=
        count > 0 ? curveAt(curve.mixed, decodeContextTokens) : curveAt(curve, decodeContextTokens) - curve.baseUs;
    }
    return stepUs;
  }

  /** What does not depend on contexts. */
  #baseUs(tokens: number, rows: number): number {
    const { stepUs, perSequenceUs } = this.#overhead;
    return stepUs + perSequenceUs * rows + this.#layersUs.at(tokens) + this.#headUs.at(rows);
  }
}

/** Knots of the decode curves: the usual ones, and the length of each window, chunk and selection. */
function contextKnots({ model, maxModelLenTokens }: RooflineOptions): number[] {
  const spans = model.attention.flatMap(spanBends).filter((span) => span < maxModelLenTokens);
  const knots = [...new Set([...CONTEXT_KNOTS, ...spans])].sort((a, b) => a - b);
  return knots.filter((_, i) => i < 2 || knots[i - 1]! < maxModelLenTokens);
}

/**
 * The default step-time model: per operator class the roofline over a fitted efficiency, one linear layer over all tokens
 * of the batch, plus all-reduces, small kernels and the engine's overhead above summed kernel times. Layers that attend to
 * a window, a chunk or a selection are exact when all contexts of a batch are equal, and never too fast otherwise: sum of
 * min(context, span) is at most sequences x min(mean context, span).
 *
 * @throws ScenarioError for a layout that the model does not divide into, or an unknown engine version
 */
export function createRooflineStepTime(options: RooflineOptions): StepTimeModel {
  requireLayout(options);
  if ((options.pipelineParallel ?? 1) > 1) {
    return createPipelineStepTime(options, (stage) => createRooflineStepTime(stage));
  }
  const peaks = devicePeaks(options.accelerator);
  return new RooflineStepTime(options, tokenTime(options, peaks), peaks);
}
