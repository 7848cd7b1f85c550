import type { Decision, DecisionRecord, DropReason } from "@windtunnel/router-policies";
import type { ArrivedRequest } from "./arrived-request.ts";

/** Tokens as the model server's `usage` counts them. */
export interface Usage {
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly cachedTokens?: number;
}

/**
 * How a request ended: `completed` with the whole response seen, `aborted` when the stream ended before (client gone,
 * gateway error, drain), `failed` when the model server answered with an error status.
 */
export type FlightEnd = "completed" | "aborted" | "failed";

/**
 * One dispatched request from the decision to the end of its response. It copies what it keeps: the router reuses its
 * answer. Addresses, not live endpoints: those may go. A class, so that each has the same shape, whatever comes of it.
 */
export class Flight {
  readonly request: ArrivedRequest;
  /** The router's ticket; −1 for a request that the router was not told of (no body). */
  readonly ticket: number;
  readonly decidedAtUs: number;
  /** How long the router took. */
  readonly decisionUs: number;
  /** `ip:port` of the targets, best first. */
  readonly targets: readonly string[];
  /** Names of the targets' endpoints, best first. */
  readonly targetNames: readonly string[];
  /** Chosen addresses by profile, each profile that ran. */
  readonly profiles: readonly { readonly profile: string; readonly targets: readonly string[] }[];
  /** `ip:port` that the gateway is told instead of the targets, where the router says so. */
  readonly destination?: string;
  /** Headers to set on the request. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** Headers of the request that may not pass unless set. */
  readonly removeHeaders?: readonly string[];
  /** Headers to set on the response. */
  readonly responseHeaders?: readonly (readonly [name: string, value: string])[];
  readonly record?: DecisionRecord;
  /** Filled as the response comes. */
  responseStartedAtUs?: number;
  endedAtUs?: number;
  end?: FlightEnd;
  /** HTTP status of the model server. */
  status?: number;
  usage?: Usage;
  responseBytes = 0;
  /** `ip:port` that the gateway says has served it. */
  served?: string;

  constructor(
    request: ArrivedRequest,
    decision: Extract<Decision, { kind: "dispatched" }>,
    decidedAtUs: number,
    decisionUs: number,
  ) {
    const { destination, headers, removeHeaders, responseHeaders, record } = decision;
    this.request = request;
    this.ticket = decision.ticket;
    this.decidedAtUs = decidedAtUs;
    this.decisionUs = decisionUs;
    this.targets = decision.targets.map(({ address }) => address);
    this.targetNames = decision.targets.map(({ name }) => name);
    this.profiles = decision.profiles.map(({ profile, targets }) => ({
      profile,
      targets: targets.map(({ address }) => address),
    }));
    if (destination !== undefined) this.destination = destination;
    if (headers !== undefined) this.headers = headers;
    if (removeHeaders !== undefined) this.removeHeaders = removeHeaders;
    if (responseHeaders !== undefined) this.responseHeaders = responseHeaders;
    if (record !== undefined) this.record = record;
  }
}

/** A request that the router turned away. */
export interface Refusal {
  readonly request: ArrivedRequest;
  readonly status: number;
  readonly reason?: DropReason;
  readonly message: string;
  readonly decidedAtUs: number;
  readonly decisionUs: number;
  readonly record?: DecisionRecord;
}
