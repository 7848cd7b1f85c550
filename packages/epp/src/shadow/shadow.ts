import {
  type Decision,
  type EndpointFacts,
  type EndpointMetrics,
  type EndpointPickerConfig,
  type HostEndpoint,
  type KvEvent,
  Router,
} from "@windtunnel/router-policies";
import type { Registry } from "prom-client";
import type { ArrivedRequest } from "../host/arrived-request.ts";
import type { Clock } from "../host/clock.ts";
import type { Flight, Refusal } from "../host/flight.ts";
import type { Log } from "../host/log.ts";
import type { Observer } from "../host/observer.ts";
import { randomStream } from "../host/random-streams.ts";
import { marginOf, prefixTokensOf } from "../record/decision-view.ts";
import { ShadowMetrics, type ShadowOutcome } from "./shadow-metrics.ts";

/** Failures after which the shadow is switched off. */
const MAX_FAILURES = 10;
/** Explaining costs by the candidate: with more, only every second, third, … decision is explained. */
const EXPLAINED_CANDIDATES = 16;

export interface ShadowOptions {
  /** The candidate's. */
  readonly config: EndpointPickerConfig;
  /** The live router's: where both choose by chance alike, they choose the same. */
  readonly seed: string;
  readonly ignoreSubset: boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly registry: Registry;
  /** Told of each comparison, right after the live decision. */
  readonly compared?: (comparison: ShadowComparison) => void;
}

/** The candidate's decision beside the live one. Totals and prefix matches are the candidate's view of both choices. */
export interface ShadowComparison {
  readonly outcome: ShadowOutcome;
  /** `ip:port` of the candidate's targets, best first; none when it refused. */
  readonly targets: readonly string[];
  /** Of explained decisions. */
  readonly margin?: number;
  /** Prompt tokens that it thinks are cached at its own choice, and at the live one. */
  readonly prefixTokens?: number;
  readonly livePrefixTokens?: number;
}

/**
 * A candidate router beside the live one: it is told the same and decides on every request, and touches nothing. Its
 * indexes and its load follow its own choices; as the live endpoint serves each request, its responses start and end when
 * the live ones do.
 */
export class ShadowRouter implements Observer {
  readonly #options: ShadowOptions;
  readonly #router: Router;
  readonly #metrics: ShadowMetrics;
  readonly #twins = new Map<HostEndpoint, HostEndpoint>();
  readonly #tickets = new Map<Flight, number>();
  #deciding: ArrivedRequest | undefined;
  #decisions = 0;
  #failures = 0;
  #enabled = true;

  /** @throws PolicyError for a configuration that cannot be used */
  constructor(options: ShadowOptions) {
    this.#options = options;
    this.#router = new Router(options.config, {
      random: (stream) => randomStream(options.seed, stream),
      ignoreSubset: options.ignoreSubset,
    });
    this.#metrics = new ShadowMetrics(options.registry);
    this.#metrics.enabled.set(1);
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  endpointAdded(endpoint: HostEndpoint, facts: EndpointFacts): void {
    this.#safely(() => this.#twins.set(endpoint, this.#router.addEndpoint(facts)));
  }

  endpointRemoved(endpoint: HostEndpoint): void {
    this.#safely(() => {
      const twin = this.#twins.get(endpoint);
      if (twin === undefined) return;
      this.#twins.delete(endpoint);
      this.#router.removeEndpoint(twin);
    });
  }

  metricsScraped(endpoint: HostEndpoint, scraped: Partial<EndpointMetrics>, nowUs: number): void {
    this.#safely(() => {
      const twin = this.#twins.get(endpoint);
      if (twin !== undefined) this.#router.updateMetrics(twin, scraped, nowUs);
    });
  }

  kvEvent(endpoint: HostEndpoint, event: KvEvent, nowUs: number): void {
    this.#safely(() => {
      const twin = this.#twins.get(endpoint);
      if (twin !== undefined) this.#router.kvEvent(twin, event, nowUs);
    });
  }

  deciding(request: ArrivedRequest): ArrivedRequest {
    this.#deciding = request;
    return request;
  }

  dispatched(flight: Flight): void {
    const request = this.#taken(flight.request);
    if (request === undefined) return;
    this.#safely(() => {
      const decision = this.#decide(request, flight.decidedAtUs);
      if (decision.kind === "dispatched" && decision.ticket >= 0) this.#tickets.set(flight, decision.ticket);
      this.#compare(decision, flight.targets[0], flight.targetNames[0]);
    });
  }

  refused(refusal: Refusal): void {
    const request = this.#taken(refusal.request);
    if (request === undefined) return;
    this.#safely(() => {
      const decision = this.#decide(request, refusal.decidedAtUs);
      this.#compare(decision, undefined, undefined);
      // It goes nowhere: nothing will tell when it would have ended.
      if (decision.kind === "dispatched") this.#router.responseEnded(decision.ticket, refusal.decidedAtUs);
    });
  }

  responseStarted(flight: Flight, nowUs: number): void {
    this.#safely(() => {
      const ticket = this.#tickets.get(flight);
      if (ticket !== undefined) this.#router.responseStarted(ticket, nowUs);
    });
  }

  responseEnded(flight: Flight, nowUs: number): void {
    this.#safely(() => {
      const ticket = this.#tickets.get(flight);
      if (ticket === undefined) return;
      this.#tickets.delete(flight);
      this.#router.responseEnded(ticket, nowUs);
    });
  }

  /** The request that the live router was asked about; undefined for one without a body, which chance alone decides. */
  #taken({ id }: ArrivedRequest): ArrivedRequest | undefined {
    const request = this.#deciding;
    this.#deciding = undefined;
    // Other observers may have wrapped it.
    return request?.id === id ? request : undefined;
  }

  #decide(request: ArrivedRequest, nowUs: number): Decision {
    const every = Math.max(1, Math.ceil(this.#twins.size / EXPLAINED_CANDIDATES));
    const explain = this.#decisions++ % every === 0;
    const { clock } = this.#options;
    const beganUs = clock.nowUs();
    const decision = this.#router.requestArrived(request, nowUs, explain);
    this.#metrics.seconds.observe((clock.nowUs() - beganUs) / 1e6);
    return decision;
  }

  #compare(decision: Decision, liveTarget: string | undefined, liveName: string | undefined): void {
    const targets = decision.kind === "dispatched" ? decision.targets.map(({ address }) => address) : [];
    const outcome = outcomeOf(liveTarget, targets[0]);
    this.#metrics.outcomes[outcome].inc();
    const record = decision.kind === "queued" ? undefined : decision.record;
    const margin = record === undefined || targets.length === 0 ? undefined : marginOf(record);
    if (margin !== undefined) this.#metrics.margins[outcome === "agree" ? "agree" : "differ"].observe(margin);
    const name = decision.kind === "dispatched" ? decision.targets[0]!.name : undefined;
    const tokens = record === undefined || name === undefined ? undefined : prefixTokensOf(record, name);
    const live = record === undefined || liveName === undefined ? undefined : prefixTokensOf(record, liveName);
    if (tokens !== undefined && liveName !== undefined) {
      this.#metrics.prefixTokens.shadow.inc(tokens);
      // An endpoint that the candidate's filters dropped is not scored: nothing is known of it.
      this.#metrics.prefixTokens.live.inc(live ?? 0);
    }
    this.#options.compared?.({
      outcome,
      targets,
      ...(margin === undefined ? {} : { margin }),
      ...(tokens === undefined ? {} : { prefixTokens: tokens }),
      ...(live === undefined ? {} : { livePrefixTokens: live }),
    });
  }

  #safely(action: () => void): void {
    if (!this.#enabled) return;
    try {
      action();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#metrics.errors.inc();
    if (++this.#failures < MAX_FAILURES) return;
    this.#enabled = false;
    this.#metrics.enabled.set(0);
    this.#tickets.clear();
    const { log } = this.#options;
    log.error({ failures: this.#failures, error: String(error) }, "the shadow is switched off: it keeps failing");
  }
}

function outcomeOf(live: string | undefined, shadow: string | undefined): ShadowOutcome {
  if (live === undefined) return shadow === undefined ? "refused-both" : "refused-live";
  if (shadow === undefined) return "refused-shadow";
  return live === shadow ? "agree" : "differ";
}
