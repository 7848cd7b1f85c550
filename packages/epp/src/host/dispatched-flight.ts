import type { Decision, DecisionRecord } from "@windtunnel/router-policies";
import type { ArrivedRequest } from "./arrived-request.ts";
import type { Flight, FlightEnd, Usage } from "./flight.ts";

type Dispatched = Extract<Decision, { kind: "dispatched" }>;

/**
 * A flight as the router's answer begins it. It copies what it keeps: the router reuses its answer. A class, so that
 * each has the same shape, whatever comes of it.
 */
export class DispatchedFlight implements Flight {
  readonly request: ArrivedRequest;
  readonly ticket: number;
  readonly decidedAtUs: number;
  readonly decisionUs: number;
  readonly targets: readonly string[];
  readonly targetNames: readonly string[];
  readonly profiles: Flight["profiles"];
  readonly destination?: string;
  readonly headers?: NonNullable<Flight["headers"]>;
  readonly removeHeaders?: readonly string[];
  readonly responseHeaders?: NonNullable<Flight["responseHeaders"]>;
  readonly record?: DecisionRecord;
  responseStartedAtUs?: number;
  endedAtUs?: number;
  end?: FlightEnd;
  status?: number;
  usage?: Usage;
  responseBytes = 0;
  served?: string;

  constructor(request: ArrivedRequest, decision: Dispatched, decidedAtUs: number, decisionUs: number) {
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
