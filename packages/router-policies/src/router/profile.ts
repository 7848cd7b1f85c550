import { PolicyError } from "../errors.ts";
import type { Endpoint } from "../framework/endpoint.ts";
import type { Filter, Picker, Scorer } from "../framework/plugin.ts";
import type { InferenceRequest } from "../framework/request.ts";
import type { ProfileRecorder } from "./explain.ts";

/** The parts of a scheduling profile. */
export interface ProfileParts {
  readonly name: string;
  readonly filters: readonly { readonly name: string; readonly filter: Filter }[];
  readonly scorers: readonly { readonly name: string; readonly scorer: Scorer; readonly weight: number }[];
  readonly picker: Picker;
  readonly pickerName: string;
}

export interface ProfileOptions {
  /** Throws on a score outside [0, 1] instead of clamping it. */
  readonly throwOutOfRange: boolean;
  /** Divides totals by the sum of the weights, which upstream does not. */
  readonly normalise: boolean;
}

/**
 * One profile, ready to run: filters in order, then total = Σ weight · clamp(score, 0, 1), then the picker. A NaN score
 * is not clamped and makes the total NaN. Source: llm-d-router `scheduling/scheduler_profile.go`.
 */
export class CompiledProfile {
  readonly name: string;
  readonly pickerName: string;
  readonly #parts: ProfileParts;
  readonly #filters: readonly Filter[];
  readonly #scorers: readonly Scorer[];
  readonly #weights: Float64Array;
  readonly #picker: Picker;
  readonly #throwOutOfRange: boolean;
  /** All zero between runs. */
  #scores = new Float64Array(16);
  /** Written by scorers only: without any it stays all zero. */
  #totals = new Float64Array(16);

  constructor(parts: ProfileParts, options: ProfileOptions) {
    this.name = parts.name;
    this.pickerName = parts.pickerName;
    this.#parts = parts;
    this.#filters = parts.filters.map(({ filter }) => filter);
    this.#scorers = parts.scorers.map(({ scorer }) => scorer);
    const weightSum = parts.scorers.reduce((sum, { weight }) => sum + weight, 0);
    const divisor = options.normalise && weightSum > 0 ? weightSum : 1;
    this.#weights = Float64Array.from(parts.scorers, ({ weight }) => weight / divisor);
    this.#picker = parts.picker;
    this.#throwOutOfRange = options.throwOutOfRange;
  }

  /** The picked endpoints, best first, valid until the next run; null when the filters leave none. */
  run(
    request: InferenceRequest,
    candidates: readonly Endpoint[],
    nowUs: number,
    recorder: ProfileRecorder | null,
  ): readonly Endpoint[] | null {
    const endpoints = this.#filters.length === 0 ? candidates : this.#filter(request, candidates, nowUs, recorder);
    if (endpoints.length === 0) return null;
    if (this.#totals.length < endpoints.length) this.#grow(endpoints.length);
    for (let i = 0; i < this.#scorers.length; i++) this.#score(i, request, endpoints, nowUs, recorder);
    const targets = this.#picker.pick(request, endpoints, this.#totals, nowUs);
    if (recorder !== null) {
      const tied = this.#picker.tied?.(endpoints, this.#totals) ?? [];
      recorder.picked(endpoints, this.#totals, targets, tied);
    }
    return targets;
  }

  #filter(
    request: InferenceRequest,
    candidates: readonly Endpoint[],
    nowUs: number,
    recorder: ProfileRecorder | null,
  ): readonly Endpoint[] {
    let endpoints = candidates;
    for (let i = 0; i < this.#filters.length && endpoints.length > 0; i++) {
      // A filter may hand out its scratch, which a second stand of the same filter would overwrite.
      const before = recorder === null ? endpoints : endpoints.slice();
      endpoints = this.#filters[i]!.filter(request, endpoints, nowUs);
      if (recorder !== null) recorder.filter(this.#parts.filters[i]!.name, before, endpoints);
    }
    return endpoints;
  }

  #score(
    index: number,
    request: InferenceRequest,
    endpoints: readonly Endpoint[],
    nowUs: number,
    recorder: ProfileRecorder | null,
  ): void {
    const scores = this.#scores;
    const totals = this.#totals;
    const scorer = this.#scorers[index]!;
    const weight = this.#weights[index]!;
    const count = endpoints.length;
    scorer.score(request, endpoints, scores, nowUs);
    if (recorder !== null) {
      const { name, weight: given } = this.#parts.scorers[index]!;
      recorder.scorer(name, given, endpoints, scores, scorer.facts?.bind(scorer));
    }
    for (let i = 0; i < count; i++) {
      const raw = scores[i]!;
      const weighted = weight * (raw >= 0 && raw <= 1 ? raw : this.#outOfRange(raw, index, endpoints[i]!));
      totals[i] = index === 0 ? weighted : totals[i]! + weighted;
      scores[i] = 0;
    }
  }

  #outOfRange(score: number, index: number, endpoint: Endpoint): number {
    if (!this.#throwOutOfRange) return score < 0 ? 0 : Math.min(score, 1);
    const { name } = this.#parts.scorers[index]!;
    this.#scores.fill(0);
    throw new PolicyError(`scorer "${name}" gave ${score} for ${endpoint.name}, expected 0 to 1`);
  }

  #grow(count: number): void {
    this.#scores = new Float64Array(count * 2);
    this.#totals = new Float64Array(count * 2);
  }
}
