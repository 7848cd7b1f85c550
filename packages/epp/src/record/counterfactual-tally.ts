import type { DecisionRecord } from "@windtunnel/router-policies";
import { marginOf, prefixTokensOf, primaryOf } from "./decision-view.ts";
import type { CounterfactualReport, DifferenceExample } from "./replay-report.ts";
import type { DecisionPair } from "./run-replay.ts";

const MAX_EXAMPLES = 5;

/** Adds up how a candidate's decisions compare with the recorded ones. */
export class CounterfactualTally {
  readonly #shares = new Map<string, { recorded: number; candidate: number }>();
  readonly #margins = { agreeing: new Mean(), differing: new Mean() };
  readonly #examples: DifferenceExample[] = [];
  readonly #prefix = { recordedChoice: 0, candidateChoice: 0 };
  #hasPrefix = false;
  #requests = 0;
  #agreeing = 0;
  #refusedByRecordedOnly = 0;
  #refusedByCandidateOnly = 0;

  add(pair: DecisionPair, file: string, line: number): void {
    // Without a body, chance alone decides.
    if (pair.bodyless) return;
    const { recorded, replayed, nameOf } = pair;
    const before = "to" in recorded ? nameOf(recorded.to[0]!) : undefined;
    const now = replayed.outcome === "dispatched" ? nameOf(replayed.to[0]!) : undefined;
    const agrees = before === now;
    this.#requests++;
    if (agrees) this.#agreeing++;
    if (before === undefined && now !== undefined) this.#refusedByRecordedOnly++;
    if (before !== undefined && now === undefined) this.#refusedByCandidateOnly++;
    if (before !== undefined) this.#share(before).recorded++;
    if (now !== undefined) this.#share(now).candidate++;
    const { record } = replayed;
    if (record !== undefined) this.#explained(record, before, now, agrees);
    if (!agrees && this.#examples.length < MAX_EXAMPLES) {
      this.#examples.push({ ...exampleOf(record, before, now), file, line, request: pair.request });
    }
  }

  report(): Omit<CounterfactualReport, "runs" | "incomplete" | "unanswered"> {
    const { agreeing, differing } = this.#margins;
    return {
      requests: this.#requests,
      agreeing: this.#agreeing,
      refusedByRecordedOnly: this.#refusedByRecordedOnly,
      refusedByCandidateOnly: this.#refusedByCandidateOnly,
      shares: [...this.#shares]
        .map(([endpoint, counts]) => ({ endpoint, ...counts }))
        .sort((a, b) => (a.endpoint < b.endpoint ? -1 : 1)),
      ...(this.#hasPrefix ? { prefixTokens: this.#prefix } : {}),
      margin: {
        ...(agreeing.value === undefined ? {} : { agreeing: agreeing.value }),
        ...(differing.value === undefined ? {} : { differing: differing.value }),
      },
      examples: this.#examples,
    };
  }

  #share(endpoint: string): { recorded: number; candidate: number } {
    const share = this.#shares.get(endpoint) ?? { recorded: 0, candidate: 0 };
    this.#shares.set(endpoint, share);
    return share;
  }

  #explained(record: DecisionRecord, before: string | undefined, now: string | undefined, agrees: boolean): void {
    const margin = marginOf(record);
    if (margin !== undefined) this.#margins[agrees ? "agreeing" : "differing"].add(margin);
    if (before === undefined || now === undefined) return;
    const there = prefixTokensOf(record, now);
    if (there === undefined) return;
    this.#hasPrefix = true;
    this.#prefix.candidateChoice += there;
    this.#prefix.recordedChoice += prefixTokensOf(record, before) ?? 0;
  }
}

class Mean {
  #sum = 0;
  #count = 0;

  add(value: number): void {
    this.#sum += value;
    this.#count++;
  }

  get value(): number | undefined {
    return this.#count === 0 ? undefined : this.#sum / this.#count;
  }
}

function exampleOf(record: DecisionRecord | undefined, before: string | undefined, now: string | undefined) {
  const totals = record === undefined ? undefined : primaryOf(record)?.totals;
  const of = (endpoint: string | undefined) => {
    if (record === undefined || endpoint === undefined) return {};
    const total = totals?.[endpoint];
    const prefixTokens = prefixTokensOf(record, endpoint);
    return { ...(total === undefined ? {} : { total }), ...(prefixTokens === undefined ? {} : { prefixTokens }) };
  };
  const live = of(before);
  const candidate = of(now);
  return {
    recorded: before ?? "refused",
    candidate: now ?? "refused",
    ...(live.total === undefined ? {} : { recordedTotal: live.total }),
    ...(candidate.total === undefined ? {} : { candidateTotal: candidate.total }),
    ...(live.prefixTokens === undefined ? {} : { recordedPrefixTokens: live.prefixTokens }),
    ...(candidate.prefixTokens === undefined ? {} : { candidatePrefixTokens: candidate.prefixTokens }),
  };
}
