import type { InFlightLoadData } from "../framework/data.ts";
import type { CandidateRecord, DecisionRecord, ProfileRecord } from "../framework/decision.ts";
import { type Endpoint, NEVER_SCRAPED_US } from "../framework/endpoint.ts";
import type { Scorer } from "../framework/plugin.ts";
import type { InferenceRequest } from "../framework/request.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type FilterRecord = ProfileRecord["filters"][number];
type ScorerRecord = ProfileRecord["scorers"][number];

const namesOf = (endpoints: readonly Endpoint[]): string[] => endpoints.map(({ name }) => name);

/** Writes down what one profile run did. */
export class ProfileRecorder {
  readonly #filters: FilterRecord[] = [];
  readonly #scorers: ScorerRecord[] = [];
  #totals: Record<string, number> = {};
  #tied: string[] = [];
  #picked: string[] = [];
  #margin: number | null = null;

  filter(filter: string, before: readonly Endpoint[], after: readonly Endpoint[]): void {
    const kept = new Set(after);
    this.#filters.push({ filter, dropped: namesOf(before.filter((endpoint) => !kept.has(endpoint))) });
  }

  scorer(
    scorer: string,
    weight: number,
    endpoints: readonly Endpoint[],
    raw: Float64Array,
    facts: Scorer["facts"],
  ): void {
    const scores = Object.fromEntries(endpoints.map(({ name }, i) => [name, raw[i]!]));
    const given = facts && Object.fromEntries(endpoints.map((endpoint) => [endpoint.name, facts(endpoint)]));
    this.#scorers.push({ scorer, weight, scores, ...(given === undefined ? {} : { facts: given }) });
  }

  picked(
    endpoints: readonly Endpoint[],
    totals: Float64Array,
    targets: readonly Endpoint[],
    tied: readonly Endpoint[],
  ): void {
    this.#totals = Object.fromEntries(endpoints.map(({ name }, i) => [name, totals[i]!]));
    this.#tied = namesOf(tied);
    this.#picked = namesOf(targets);
    let bestPicked = Number.NEGATIVE_INFINITY;
    let bestOther = Number.NEGATIVE_INFINITY;
    for (const [i, endpoint] of endpoints.entries()) {
      if (targets.includes(endpoint)) bestPicked = Math.max(bestPicked, totals[i]!);
      else bestOther = Math.max(bestOther, totals[i]!);
    }
    const margin = bestPicked - bestOther;
    this.#margin = Number.isFinite(margin) ? margin : null;
  }

  record(profile: string, primary: boolean, picker: string): ProfileRecord {
    return {
      ...{ profile, primary, picker },
      ...{ filters: this.#filters, scorers: this.#scorers, totals: this.#totals },
      ...{ tied: this.#tied, picked: this.#picked, margin: this.#margin },
    };
  }
}

/** Writes down one decision, front to back. */
export class DecisionRecorder {
  readonly #request: InferenceRequest;
  readonly #nowUs: number;
  readonly #runs: { profile: string; picker: string; recorder: ProfileRecorder }[] = [];
  #candidates: CandidateRecord[] = [];

  constructor(request: InferenceRequest, nowUs: number) {
    this.#request = request;
    this.#nowUs = nowUs;
  }

  candidates(endpoints: readonly Endpoint[], load: InFlightLoadData | undefined): void {
    this.#candidates = endpoints.map(({ name, slot, metrics }) => {
      const scraped = metrics.updatedAtUs !== NEVER_SCRAPED_US;
      return {
        endpoint: name,
        waitingQueueSize: metrics.waitingQueueSize,
        runningRequestsSize: metrics.runningRequestsSize,
        kvCacheUsageFraction: metrics.kvCacheUsageFraction,
        metricsAgeUs: scraped ? this.#nowUs - metrics.updatedAtUs : null,
        ...(load === undefined ? {} : { inFlightRequests: load.requests[slot] ?? 0 }),
      };
    });
  }

  profile(profile: string, picker: string): ProfileRecorder {
    const recorder = new ProfileRecorder();
    this.#runs.push({ profile, picker, recorder });
    return recorder;
  }

  record(
    outcome: DecisionRecord["outcome"],
    targets: readonly Endpoint[],
    primary: string | undefined,
    reason?: string,
  ): DecisionRecord {
    const record: Mutable<DecisionRecord> = {
      requestId: this.#request.id,
      timeUs: this.#nowUs,
      promptTokens: this.#request.promptTokens,
      outcome,
      targets: targets.map(({ address }) => address),
      profiles: this.#runs.map((run) => run.recorder.record(run.profile, run.profile === primary, run.picker)),
      candidates: this.#candidates,
    };
    if (reason !== undefined) record.reason = reason;
    return record;
  }
}
