/** Where replay and recording part for the first time. */
export interface FirstDifference {
  readonly file: string;
  readonly line: number;
  readonly request: number;
  readonly recorded: string;
  readonly replayed: string;
}

/** What feeding a recording to the recorded configuration has come to. */
export interface ReplayReport {
  readonly runs: number;
  readonly requests: number;
  readonly equal: number;
  /** Runs of which the router cannot have known all, one line each: their decisions may differ. */
  readonly incomplete: readonly string[];
  /** Of complete runs. */
  readonly completeRequests: number;
  readonly completeEqual: number;
  readonly firstDifference?: FirstDifference;
  /** What was asked of requests that the recording does not hold, with how often. */
  readonly unanswered: Readonly<Record<string, number>>;
}

export interface EndpointShare {
  readonly endpoint: string;
  readonly recorded: number;
  readonly candidate: number;
}

/** A request that the candidate sends elsewhere; scores are the candidate's. */
export interface DifferenceExample {
  readonly file: string;
  readonly line: number;
  readonly request: number;
  readonly recorded: string;
  readonly candidate: string;
  readonly recordedTotal?: number;
  readonly candidateTotal?: number;
  readonly recordedPrefixTokens?: number;
  readonly candidatePrefixTokens?: number;
}

/** What another configuration would have decided. */
export interface CounterfactualReport {
  readonly runs: number;
  readonly requests: number;
  /** Same first target, or refused both. */
  readonly agreeing: number;
  readonly refusedByRecordedOnly: number;
  readonly refusedByCandidateOnly: number;
  readonly shares: readonly EndpointShare[];
  /** Prompt tokens thought to be cached, by the candidate's own index; absent without a prefix scorer. */
  readonly prefixTokens?: { readonly recordedChoice: number; readonly candidateChoice: number };
  /** Mean of the candidate's margin over its next best. */
  readonly margin: { readonly agreeing?: number; readonly differing?: number };
  readonly examples: readonly DifferenceExample[];
  readonly incomplete: readonly string[];
  readonly unanswered: Readonly<Record<string, number>>;
}
