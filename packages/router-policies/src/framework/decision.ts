import type { Endpoint } from "./endpoint.ts";

/** Why a request was turned away; the header `x-llm-d-request-dropped-reason` has these words. */
export type DropReason =
  | "rejected-saturated"
  | "rejected-no-endpoints"
  | "rejected-ttl-expired"
  | "rejected-shutting-down";

/** The endpoints that one profile chose, best first. */
export interface ProfileResult {
  readonly profile: string;
  readonly targets: readonly Endpoint[];
}

/** What the profiles that ran came to, by name; null: the profile has failed. */
export type ProfileResults = ReadonlyMap<string, ProfileResult | null>;

/** The stages of a disaggregated request that run before its target, and where. */
export interface DispatchedLegs {
  /** Computes the prompt's KV cache, which the target then takes over; absent: the target computes it. */
  readonly prefill?: Endpoint | undefined;
  /** Encode the request's multimodal items, best first; absent: whoever prefills does. */
  readonly encode?: readonly Endpoint[] | undefined;
}

export interface Dispatched {
  readonly kind: "dispatched";
  /**
   * Names the request in later calls (`responseStarted`, `responseEnded`) until it has ended. A small integer that is
   * reused, so that plugins keep per-request state in arrays.
   */
  readonly ticket: number;
  /** Where the request goes: the primary profile's targets, best first, at least one. */
  readonly targets: readonly Endpoint[];
  /** Each profile that ran and succeeded. */
  readonly profiles: readonly ProfileResult[];
  /** Undefined when the target serves the request alone. */
  readonly legs?: DispatchedLegs | undefined;
  /** `ip:port` that the gateway is to name as destination; undefined: the targets' addresses. */
  readonly destination?: string | undefined;
  /** Request headers to set, by lower-case name. */
  readonly headers?: readonly (readonly [name: string, value: string])[] | undefined;
  /** Request headers that must not reach the model server, as far as they are not set. */
  readonly removeHeaders?: readonly string[] | undefined;
  /** Headers to set on the response, by lower-case name. */
  readonly responseHeaders?: readonly (readonly [name: string, value: string])[] | undefined;
  readonly record?: DecisionRecord;
}

export interface Rejected {
  readonly kind: "rejected";
  /** HTTP status of the answer. */
  readonly status: number;
  readonly reason?: DropReason;
  readonly message: string;
  readonly record?: DecisionRecord;
}

export interface Queued {
  readonly kind: "queued";
}

export type Decision = Dispatched | Rejected | Queued;

/** Why a request went where it went: the same JSON in the simulator and in the EPP. */
export interface DecisionRecord {
  readonly requestId: string | number;
  readonly timeUs: number;
  readonly promptTokens: number;
  readonly outcome: "dispatched" | "rejected" | "queued";
  /** Addresses of the targets, best first. */
  readonly targets: readonly string[];
  readonly reason?: string;
  readonly profiles: readonly ProfileRecord[];
  /** Milliseconds-free: ages are in microseconds. One entry per candidate before any filter. */
  readonly candidates: readonly CandidateRecord[];
}

export interface CandidateRecord {
  readonly endpoint: string;
  readonly waitingQueueSize: number;
  readonly runningRequestsSize: number;
  readonly kvCacheUsageFraction: number;
  /** Age of the metrics; null before the first scrape. */
  readonly metricsAgeUs: number | null;
  readonly inFlightRequests?: number;
}

export interface ProfileRecord {
  readonly profile: string;
  readonly primary: boolean;
  /** Filters in the order they ran. */
  readonly filters: readonly { readonly filter: string; readonly dropped: readonly string[]; readonly why?: string }[];
  readonly scorers: readonly {
    readonly scorer: string;
    readonly weight: number;
    /** Raw score (before clamp) by endpoint name. */
    readonly scores: Readonly<Record<string, number>>;
    /** The facts the score came from, e.g. matched blocks, by endpoint name. */
    readonly facts?: Readonly<Record<string, string | number>>;
  }[];
  readonly totals: Readonly<Record<string, number>>;
  readonly picker: string;
  /** Endpoints that shared the best total, when the picker had to break a tie. */
  readonly tied: readonly string[];
  readonly picked: readonly string[];
  /** Best total minus the best total of an endpoint that was not picked; null with a single candidate. */
  readonly margin: number | null;
}
