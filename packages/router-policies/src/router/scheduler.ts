import { PolicyError } from "../errors.ts";
import type { ProfileResult } from "../framework/decision.ts";
import type { Endpoint } from "../framework/endpoint.ts";
import type { ProfileHandler } from "../framework/plugin.ts";
import type { InferenceRequest } from "../framework/request.ts";
import type { DecisionRecorder } from "./explain.ts";
import type { CompiledProfile } from "./profile.ts";

/** What a scheduler answers. Reused: valid until its next call. */
export interface Schedule {
  /** Null when the request cannot be served. */
  primary: ProfileResult | null;
  /** Profiles that ran and succeeded. */
  profiles: readonly ProfileResult[];
  /** The filters of a needed profile dropped every candidate. */
  emptied: boolean;
}

/**
 * Runs the profiles that the handler asks for, until it asks for none. Source: llm-d-router
 * `scheduling/scheduler.go`.
 */
export class Scheduler {
  readonly #handler: ProfileHandler;
  readonly #profiles: ReadonlyMap<string, CompiledProfile>;
  readonly #names: readonly string[];
  readonly #only: CompiledProfile | null;
  /** The answer of a router with one profile, filled anew for each request. */
  readonly #onlyResult: { profile: string; targets: readonly Endpoint[] };
  readonly #onlyResults: readonly ProfileResult[];
  readonly #schedule: Schedule = { primary: null, profiles: [], emptied: false };

  constructor(handler: ProfileHandler, profiles: readonly CompiledProfile[]) {
    this.#handler = handler;
    this.#profiles = new Map(profiles.map((profile) => [profile.name, profile]));
    this.#names = profiles.map(({ name }) => name);
    this.#only = handler.onlyProfile === true && profiles.length === 1 ? profiles[0]! : null;
    this.#onlyResult = { profile: this.#names[0] ?? "", targets: [] };
    this.#onlyResults = [this.#onlyResult];
  }

  run(
    request: InferenceRequest,
    candidates: readonly Endpoint[],
    nowUs: number,
    recorder: DecisionRecorder | null,
  ): Schedule {
    const only = this.#only;
    if (only === null) return this.#runAll(request, candidates, nowUs, recorder);
    const profileRecorder = recorder === null ? null : recorder.profile(only.name, only.pickerName);
    const targets = only.run(request, candidates, nowUs, profileRecorder);
    const schedule = this.#schedule;
    schedule.emptied = targets === null;
    schedule.primary = targets === null ? null : this.#onlyResult;
    schedule.profiles = this.#onlyResults;
    if (targets !== null) this.#onlyResult.targets = targets;
    return schedule;
  }

  #runAll(
    request: InferenceRequest,
    candidates: readonly Endpoint[],
    nowUs: number,
    recorder: DecisionRecorder | null,
  ): Schedule {
    const results = new Map<string, ProfileResult | null>();
    const succeeded: ProfileResult[] = [];
    for (;;) {
      const names = this.#handler.pick(request, this.#names, results);
      if (names.length === 0) break;
      for (const name of names) {
        const profile = this.#profiles.get(name);
        if (profile === undefined || results.has(name)) {
          throw new PolicyError(`the profile handler asked for "${name}", expected a profile that has not run`);
        }
        const profileRecorder = recorder === null ? null : recorder.profile(name, profile.pickerName);
        const targets = profile.run(request, candidates, nowUs, profileRecorder);
        // A picker may serve several profiles: its answer is kept before it is asked again.
        const result = targets === null ? null : { profile: name, targets: targets.slice() };
        results.set(name, result);
        if (result !== null) succeeded.push(result);
      }
    }
    const primary = results.size === 0 ? undefined : this.#handler.primary(results);
    return {
      primary: (primary === undefined ? null : results.get(primary)) ?? null,
      profiles: succeeded,
      emptied: succeeded.length < results.size,
    };
  }
}
