import { ScenarioError } from "../../errors.ts";
import type { ModelArchitecture } from "../../model/architecture.ts";
import type { DecodeCurve, PrefillChunks, StepTimeModel } from "../step-time-model.ts";
import { curveAt } from "./decode-curve.ts";
import type { RooflineOptions } from "./options.ts";
import { createRooflineStepTime } from "./roofline.ts";

/** Who drafts: a layer of the model's own for further tokens, a dense layer trained beside it, or the prompt itself. */
export type DraftMethod = "mtp" | "eagle" | "ngram";

/** Speculative decoding as a pool asks for it. */
export interface Speculation {
  readonly method: DraftMethod;
  readonly draftTokens: number;
  /** Tokens that a step gives each sequence on average: accepted drafts, and one more. */
  readonly tokensPerStep: number;
}

/** Launch of one pass of the draft model (`assumed`). */
const DRAFT_PASS_OVERHEAD_US = 100;

/**
 * Tokens a step when each of k drafts is accepted with probability a, up to the first that is not: one and the accepted
 * ones, (1 - a^(k+1)) / (1 - a) (Leviathan et al. 2023, equation 1).
 */
export function tokensPerStep(acceptanceRate: number, draftTokens: number): number {
  let sum = 0;
  let power = 1;
  for (let i = 0; i <= draftTokens; i++) {
    sum += power;
    power *= acceptanceRate;
  }
  return sum;
}

/** One layer of attention, and one network: what drafts. */
export function draftModel(model: ModelArchitecture, method: DraftMethod): ModelArchitecture {
  const { attention, draftAttention, dense, moe } = model;
  const width = dense[0]?.intermediateSize ?? (moe?.topK ?? 0) * (moe?.intermediateSize ?? 0);
  const { moe: _experts, ...rest } = model;
  const own = method === "mtp" && moe !== undefined;
  return {
    ...rest,
    layers: 1,
    attention: (draftAttention === undefined ? attention.slice(0, 1) : [draftAttention]).map((layer) => ({
      ...layer,
      layers: 1,
    })),
    states: [],
    dense: own ? [] : [{ layers: 1, intermediateSize: width, matrices: 3 }],
    ...(own ? { moe: { ...moe, layers: 1 } } : {}),
  };
}

/**
 * Speculative decoding, told in steps of one token: a step that drafts, verifies and gives each sequence E tokens on
 * average counts as E steps of an E-th of its time. So stretches of steps stay one closed sum, and throughput, time per
 * output token, contexts and blocks are those of the mean. What it does not show: the gaps between tokens come smoothed (in
 * truth nothing, and then E tokens at once), a sequence's luck, and the budget of k + 1 tokens a sequence. Beside prefill
 * chunks a step takes the chunks' own time, and for the sequences that decode the E-th part too: a prompt ends up to
 * (1 - 1/E) of a decode step early, which its sequence's first gaps make up for.
 */
class SpeculativeStepTime implements StepTimeModel {
  readonly #verify: StepTimeModel;
  readonly #draft: StepTimeModel | undefined;
  readonly #passes: number;
  readonly #perStep: number;
  readonly #curves: (DecodeCurve | undefined)[] = [];

  constructor(verify: StepTimeModel, draft: StepTimeModel | undefined, speculation: Speculation) {
    this.#verify = verify;
    this.#draft = draft;
    this.#passes = draft === undefined ? 0 : speculation.draftTokens;
    this.#perStep = speculation.tokensPerStep;
  }

  /** All passes of the draft model over the decoding sequences. */
  #draftsUs(passes: number, seqs: number, contextTokens: number): number {
    if (this.#draft === undefined || passes === 0) return 0;
    return passes * (DRAFT_PASS_OVERHEAD_US + curveAt(this.#draft.decodeCurve(seqs), contextTokens));
  }

  decodeCurve(seqs: number): DecodeCurve {
    const known = this.#curves[seqs];
    if (known !== undefined) return known;
    const { contextTokens, timeUs } = this.#verify.decodeCurve(seqs);
    const curve = {
      contextTokens,
      timeUs: timeUs.map((us, i) => (us + this.#draftsUs(this.#passes, seqs, contextTokens[i]!)) / this.#perStep),
    };
    this.#curves[seqs] = curve;
    return curve;
  }

  mixedStepUs(decodeSeqs: number, decodeContextTokens: number, chunks: PrefillChunks): number {
    let us = this.#verify.mixedStepUs(decodeSeqs, decodeContextTokens, chunks);
    // The draft model reads the prompt too, for its own cache; its first pass does both.
    if (this.#draft !== undefined && chunks.count > 0) {
      us += DRAFT_PASS_OVERHEAD_US + this.#draft.mixedStepUs(decodeSeqs, decodeContextTokens, chunks);
    }
    if (decodeSeqs === 0) return us;
    const first = chunks.count > 0 ? 1 : 0;
    us += this.#draftsUs(Math.max(0, this.#passes - first), decodeSeqs, decodeContextTokens);
    const shareUs = curveAt(this.decodeCurve(decodeSeqs), decodeContextTokens);
    return Math.max(us - shareUs * (this.#perStep - 1), shareUs);
  }

  floorUs(decodeSeqs: number, decodeContextTokens: number, chunks: PrefillChunks): number {
    const floorUs = this.#verify.floorUs(decodeSeqs, decodeContextTokens, chunks);
    return decodeSeqs === 0 ? floorUs : floorUs / this.#perStep;
  }
}

/**
 * The roofline of an engine that speculates: k + 1 tokens of each sequence verified in a step, and k passes of the draft
 * model before it; drafts from the prompt cost nothing.
 *
 * @throws ScenarioError when a step would give more tokens than it verifies, or as the roofline does
 */
export function createSpeculativeStepTime(options: RooflineOptions, speculation: Speculation): StepTimeModel {
  const { method, draftTokens, tokensPerStep: perStep } = speculation;
  if (!(perStep >= 1 && perStep <= draftTokens + 1)) {
    throw new ScenarioError(
      `speculative: ${perStep} tokens a step, allowed: 1 to draftTokens + 1 = ${draftTokens + 1}`,
    );
  }
  const verify = createRooflineStepTime({ ...options, draftTokens });
  const model = draftModel(options.model, method);
  const draft =
    method === "ngram"
      ? undefined
      : createRooflineStepTime({ ...options, model, pipelineParallel: 1, stepOverheadUs: 0 });
  return new SpeculativeStepTime(verify, draft, speculation);
}
