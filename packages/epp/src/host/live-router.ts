import type {
  Decision,
  EndpointFacts,
  EndpointMetrics,
  HostEndpoint,
  KvEvent,
  Router,
} from "@windtunnel/router-policies";
import type { ArrivedRequest } from "./arrived-request.ts";
import type { Clock } from "./clock.ts";
import { Flight, type FlightEnd, type Refusal } from "./flight.ts";
import type { Observer } from "./observer.ts";

/** Follows the endpoints of the live router: the scraper and the KV-event subscriber do. */
export interface EndpointListener {
  endpointAdded(endpoint: HostEndpoint): void;
  endpointRemoved(endpoint: HostEndpoint): void;
}

export interface LiveRouterOptions {
  readonly clock: Clock;
  /** Whether the next decision is to be explained. */
  readonly explain: (request: ArrivedRequest, nowUs: number) => boolean;
}

/**
 * The router in production: the one place through which everything reaches it, so that observers see all of it in order.
 * It adds nothing to decisions.
 */
export class LiveRouter {
  readonly router: Router;
  readonly #clock: Clock;
  readonly #explain: LiveRouterOptions["explain"];
  readonly #observers: Observer[] = [];
  readonly #listeners: EndpointListener[] = [];
  readonly #byKey = new Map<string, HostEndpoint>();
  readonly #byAddress = new Map<string, HostEndpoint>();
  readonly #inFlight = new Set<Flight>();

  constructor(router: Router, options: LiveRouterOptions) {
    this.router = router;
    this.#clock = options.clock;
    this.#explain = options.explain;
  }

  get endpoints(): readonly HostEndpoint[] {
    return this.router.endpoints;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  endpointAt(address: string): HostEndpoint | undefined {
    return this.#byAddress.get(address);
  }

  /** Observers are told in order of addition, of what happens from now on. */
  observe(observer: Observer): void {
    this.#observers.push(observer);
  }

  /** Tells the listener of the endpoints that are there, then of every change. */
  follow(listener: EndpointListener): void {
    this.#listeners.push(listener);
    for (const endpoint of this.router.endpoints) listener.endpointAdded(endpoint);
  }

  /** Takes over what discovery knows: the whole list. An endpoint whose address or labels changed is a new one. */
  setEndpoints(list: readonly EndpointFacts[]): void {
    const wanted = new Map(list.map((facts) => [`${facts.namespace}/${facts.name}`, facts]));
    for (const [key, endpoint] of [...this.#byKey]) {
      const facts = wanted.get(key);
      if (facts === undefined || !sameFacts(facts, endpoint)) this.#remove(key, endpoint);
    }
    for (const [key, facts] of wanted) if (!this.#byKey.has(key)) this.#add(key, facts);
  }

  metricsScraped(endpoint: HostEndpoint, scraped: Partial<EndpointMetrics>): void {
    if (this.#byAddress.get(endpoint.address) !== endpoint) return;
    const nowUs = this.#clock.nowUs();
    this.router.updateMetrics(endpoint, scraped, nowUs);
    for (const observer of this.#observers) observer.metricsScraped?.(endpoint, scraped, nowUs);
  }

  kvEvent(endpoint: HostEndpoint, event: KvEvent): void {
    if (this.#byAddress.get(endpoint.address) !== endpoint) return;
    const nowUs = this.#clock.nowUs();
    this.router.kvEvent(endpoint, event, nowUs);
    for (const observer of this.#observers) observer.kvEvent?.(endpoint, event, nowUs);
  }

  /** Decides; a flight must be ended through `responseEnded`. */
  arrived(request: ArrivedRequest): { flight: Flight } | { refusal: Refusal } {
    const nowUs = this.#clock.nowUs();
    let seen = request;
    for (const observer of this.#observers) seen = observer.deciding?.(seen, nowUs) ?? seen;
    const decision = this.router.requestArrived(seen, nowUs, this.#explain(request, nowUs));
    return this.#concluded(request, decision, nowUs, this.#clock.nowUs() - nowUs);
  }

  /** Decides on a request without a body: a random endpoint, of which the router keeps nothing. */
  arrivedWithoutBody(request: ArrivedRequest): { flight: Flight } | { refusal: Refusal } {
    const nowUs = this.#clock.nowUs();
    const decision = this.router.bodylessRequestArrived(request.subset);
    return this.#concluded(request, decision, nowUs, this.#clock.nowUs() - nowUs);
  }

  /** The first chunk of the response's body is there. */
  responseStarted(flight: Flight): void {
    if (flight.responseStartedAtUs !== undefined || flight.end !== undefined) return;
    const nowUs = this.#clock.nowUs();
    flight.responseStartedAtUs = nowUs;
    if (flight.ticket >= 0) this.router.responseStarted(flight.ticket, nowUs);
    for (const observer of this.#observers) observer.responseStarted?.(flight, nowUs);
  }

  /** Ends a flight once; later calls do nothing. */
  responseEnded(flight: Flight, end: FlightEnd): void {
    if (!this.#inFlight.delete(flight)) return;
    const nowUs = this.#clock.nowUs();
    flight.endedAtUs = nowUs;
    flight.end = end;
    if (flight.ticket >= 0) this.router.responseEnded(flight.ticket, nowUs);
    for (const observer of this.#observers) observer.responseEnded?.(flight, nowUs);
  }

  #concluded(
    request: ArrivedRequest,
    decision: Decision,
    decidedAtUs: number,
    decisionUs: number,
  ): { flight: Flight } | { refusal: Refusal } {
    if (decision.kind === "queued") throw new Error("the router queued a request, which needs flow control");
    if (decision.kind === "rejected") {
      const { status, message, reason, record } = decision;
      const refusal: Refusal = {
        ...{ request, status, message, decidedAtUs, decisionUs },
        ...(reason === undefined ? {} : { reason }),
        ...(record === undefined ? {} : { record }),
      };
      for (const observer of this.#observers) observer.refused?.(refusal);
      return { refusal };
    }
    const flight = new Flight(request, decision, decidedAtUs, decisionUs);
    this.#inFlight.add(flight);
    for (const observer of this.#observers) observer.dispatched?.(flight);
    return { flight };
  }

  #add(key: string, facts: EndpointFacts): void {
    const endpoint = this.router.addEndpoint(facts);
    this.#byKey.set(key, endpoint);
    this.#byAddress.set(facts.address, endpoint);
    const nowUs = this.#clock.nowUs();
    for (const observer of this.#observers) observer.endpointAdded?.(endpoint, facts, nowUs);
    for (const listener of this.#listeners) listener.endpointAdded(endpoint);
  }

  #remove(key: string, endpoint: HostEndpoint): void {
    this.router.removeEndpoint(endpoint);
    this.#byKey.delete(key);
    if (this.#byAddress.get(endpoint.address) === endpoint) this.#byAddress.delete(endpoint.address);
    const nowUs = this.#clock.nowUs();
    for (const observer of this.#observers) observer.endpointRemoved?.(endpoint, nowUs);
    for (const listener of this.#listeners) listener.endpointRemoved(endpoint);
  }
}

function sameFacts(facts: EndpointFacts, endpoint: EndpointFacts): boolean {
  const names = Object.keys(facts.labels);
  return (
    facts.address === endpoint.address &&
    names.length === Object.keys(endpoint.labels).length &&
    names.every((name) => facts.labels[name] === endpoint.labels[name])
  );
}
