import type { EndpointPickerConfig } from "../config/endpoint-picker-config.ts";
import type { InFlightLoadData, PrefixMatchData } from "../framework/data.ts";
import type { Decision, Dispatched, ProfileResult, Rejected } from "../framework/decision.ts";
import type { Endpoint, EndpointFacts, EndpointMetrics } from "../framework/endpoint.ts";
import type { Hooks, KvEvent, Outgoing, Producer, SaturationDetector } from "../framework/plugin.ts";
import type { RandomSource } from "../framework/random.ts";
import type { InferenceRequest } from "../framework/request.ts";
import {
  type BuiltPlugin,
  buildPlugins,
  cachedPrefixOf,
  compileProfiles,
  detectorOf,
  producersAtWork,
  profileHandlerOf,
} from "./assemble.ts";
import { EndpointPool, type HostEndpoint } from "./endpoint-pool.ts";
import { DecisionRecorder } from "./explain.ts";
import type { RouterHost, RouterNeeds } from "./host.ts";
import { noTarget, REJECTIONS } from "./rejections.ts";
import { Scheduler } from "./scheduler.ts";
import { Tickets } from "./tickets.ts";

type Reused<T> = { -readonly [K in keyof T]: T[K] };
type With<K extends keyof Hooks> = Hooks & Required<Pick<Hooks, K>>;

const NO_DECISIONS: readonly Decision[] = [];

/**
 * Decides where requests go. It performs no I/O and owns no clock: its host tells it what happened and when.
 *
 * Order of work per request: admission, candidates, producers, profiles, hooks. Hooks run in the order of the
 * configuration, where upstream's order is random. Source: llm-d-router `requestcontrol/director.go`.
 */
export class Router {
  readonly config: EndpointPickerConfig;
  readonly needs: RouterNeeds;
  readonly #pool: EndpointPool;
  readonly #scheduler: Scheduler;
  readonly #detector: SaturationDetector;
  readonly #strict: boolean;
  readonly #ignoreSubset: boolean;
  readonly #random: RandomSource;
  readonly #tickets = new Tickets();
  readonly #producers: readonly Producer[];
  readonly #preRequest: readonly With<"preRequest">[];
  readonly #outgoing: readonly With<"outgoing">[];
  readonly #responseStarted: readonly With<"responseStarted">[];
  readonly #responseEnded: readonly With<"responseEnded">[];
  readonly #kvEvent: readonly With<"kvEvent">[];
  readonly #plugins: readonly Hooks[];
  readonly #inFlight: InFlightLoadData | undefined;
  /** What the gate for `onlyIfCached` reads. */
  readonly #cached: PrefixMatchData | undefined;
  /** The answer to requests without a record, filled anew for each. */
  readonly #dispatched: Reused<Dispatched> = {
    ...{ kind: "dispatched", ticket: 0, targets: [], profiles: [] },
    ...{ legs: undefined, destination: undefined, headers: undefined, removeHeaders: undefined },
    responseHeaders: undefined,
  };

  /** @throws PolicyError when the configuration has a plugin that matters and is not built here */
  constructor(config: EndpointPickerConfig, host: RouterHost) {
    const built = buildPlugins(config, host);
    const plugins = built.map(({ plugin }) => plugin);
    const having = <K extends keyof Hooks>(hook: K): With<K>[] =>
      plugins.filter((plugin): plugin is typeof plugin & With<K> => plugin[hook] !== undefined);
    this.config = config;
    this.#strict = config.strict;
    this.#ignoreSubset = host.ignoreSubset ?? false;
    this.#random = host.random("router");
    this.#pool = new EndpointPool(config.strict);
    this.#scheduler = new Scheduler(profileHandlerOf(config, built), compileProfiles(config, built, host));
    this.#detector = detectorOf(config, built);
    this.#producers = producersAtWork(built);
    this.#plugins = plugins;
    this.#preRequest = having("preRequest");
    this.#outgoing = having("outgoing");
    this.#responseStarted = having("responseStarted");
    this.#responseEnded = having("responseEnded");
    this.#kvEvent = having("kvEvent");
    this.#inFlight = plugins.map(({ data }) => data?.["in-flight-load"]).find((data) => data !== undefined);
    this.#cached = cachedPrefixOf(config, built);
    this.needs = {
      metrics: readsMetrics(config, built),
      metricsForSheddable: true,
      kvEvents: this.#kvEvent.length > 0,
      responseStarted: this.#responseStarted.length > 0,
      responseEnded: this.#responseEnded.length > 0,
    };
  }

  /** The endpoints in order of addition, which is the order of candidates. */
  get endpoints(): readonly HostEndpoint[] {
    return this.#pool.list;
  }

  /** The host may write the answer's `metrics` at any time; every policy sees them at its next decision. */
  addEndpoint(facts: EndpointFacts): HostEndpoint {
    const endpoint = this.#pool.add(facts);
    for (const plugin of this.#plugins) plugin.endpointAdded?.(endpoint);
    return endpoint;
  }

  /** Requests in flight to the endpoint still end through `responseEnded`. */
  removeEndpoint(endpoint: Endpoint): void {
    this.#pool.remove(endpoint);
    for (const plugin of this.#plugins) plugin.endpointRemoved?.(endpoint);
  }

  /** Takes over a scrape; a metric that it lacks keeps its value. */
  updateMetrics(endpoint: HostEndpoint, scraped: Partial<EndpointMetrics>, nowUs: number): void {
    Object.assign(endpoint.metrics, scraped);
    endpoint.metrics.updatedAtUs = nowUs;
  }

  kvEvent(endpoint: Endpoint, event: KvEvent, nowUs: number): void {
    for (let i = 0; i < this.#kvEvent.length; i++) this.#kvEvent[i]!.kvEvent(endpoint, event, nowUs);
  }

  /**
   * Decides on a request. Without `explain`, the answer and its arrays are reused: valid until the next call.
   *
   * @param explain also writes down why; the decision is the same
   */
  requestArrived(request: InferenceRequest, nowUs: number, explain = false): Decision {
    const recorder = explain ? new DecisionRecorder(request, nowUs) : null;
    const pool = this.#pool.list;
    if (request.priority < 0 && this.#detector.saturation(pool, nowUs) >= 1) {
      if (recorder !== null) recorder.candidates(pool, this.#inFlight);
      return this.#reject(REJECTIONS.saturated, recorder);
    }
    const subset = request.subset;
    const candidates = subset === undefined || this.#ignoreSubset ? pool : this.#pool.subset(subset);
    if (recorder !== null) recorder.candidates(candidates, this.#inFlight);
    if (candidates.length === 0) return this.#reject(REJECTIONS.noCandidates, recorder);
    for (let i = 0; i < this.#producers.length; i++) this.#producers[i]!.produce(request, candidates, nowUs);
    const { primary, profiles, emptied } = this.#scheduler.run(request, candidates, nowUs, recorder);
    if (primary === null) return this.#reject(emptied ? REJECTIONS.emptied : noTarget(request.id), recorder);
    if (request.onlyIfCached === true && !this.#hasCached(primary.targets[0]!)) {
      return this.#reject(REJECTIONS.notCached, recorder);
    }
    return this.#dispatch(request, primary, profiles, nowUs, recorder);
  }

  #hasCached(target: Endpoint): boolean {
    return this.#cached?.available === true && (this.#cached.matchBlocks[target.slot] ?? 0) > 0;
  }

  #dispatch(
    request: InferenceRequest,
    primary: ProfileResult,
    profiles: readonly ProfileResult[],
    nowUs: number,
    recorder: DecisionRecorder | null,
  ): Dispatched {
    const ticket = this.needs.responseEnded ? this.#tickets.take() : 0;
    for (let i = 0; i < this.#preRequest.length; i++) {
      this.#preRequest[i]!.preRequest(request, ticket, primary, profiles, nowUs);
    }
    const dispatched = this.#dispatched;
    dispatched.ticket = ticket;
    dispatched.targets = primary.targets;
    dispatched.profiles = profiles;
    if (this.#outgoing.length > 0) this.#prepare(request, primary, profiles);
    if (recorder === null) return dispatched;
    const kept = profiles.map(({ profile, targets }) => ({ profile, targets: targets.slice() }));
    const record = recorder.record("dispatched", primary.targets, primary.profile);
    return { ...dispatched, targets: primary.targets.slice(), profiles: kept, record };
  }

  #prepare(request: InferenceRequest, primary: ProfileResult, profiles: readonly ProfileResult[]): void {
    const dispatched = this.#dispatched as Outgoing;
    dispatched.legs = undefined;
    dispatched.destination = undefined;
    dispatched.headers = undefined;
    dispatched.removeHeaders = undefined;
    dispatched.responseHeaders = undefined;
    for (let i = 0; i < this.#outgoing.length; i++) {
      this.#outgoing[i]!.outgoing(request, primary, profiles, dispatched);
    }
  }

  #reject(rejection: Rejected, recorder: DecisionRecorder | null): Rejected {
    if (recorder === null) return rejection;
    const reason = rejection.reason ?? rejection.message;
    return { ...rejection, record: recorder.record("rejected", [], undefined, reason) };
  }

  /**
   * Decides on a request that has no body: a random endpoint of the whole pool, no plugin asked and none told (its
   * ticket is −1). Strictly, the subset hint counts and an empty pool is 503 as the endpoint picker protocol has it.
   */
  bodylessRequestArrived(subset: readonly string[] | undefined): Decision {
    const pool = this.#pool.list;
    const hinted = this.#strict && subset !== undefined && !this.#ignoreSubset;
    const candidates = hinted ? this.#pool.subset(subset) : pool;
    if (candidates.length === 0) return this.#strict ? REJECTIONS.noCandidates : REJECTIONS.emptyPool;
    const target = candidates[Math.floor(this.#random.next() * candidates.length)]!;
    return { kind: "dispatched", ticket: -1, targets: [target], profiles: [] };
  }

  /** Decisions on queued requests that are due; none, as nothing queues without flow control. */
  poll(_nowUs: number): readonly Decision[] {
    return NO_DECISIONS;
  }

  /** When `poll` may next have something to say; infinite for never. */
  nextPollAtUs(): number {
    return Number.POSITIVE_INFINITY;
  }

  /** The first chunk of the response is there. */
  responseStarted(ticket: number, nowUs: number): void {
    for (let i = 0; i < this.#responseStarted.length; i++) this.#responseStarted[i]!.responseStarted(ticket, nowUs);
  }

  /**
   * The response ended, for whatever reason.
   *
   * @throws PolicyError for a ticket that is not in flight
   */
  responseEnded(ticket: number, nowUs: number): void {
    if (!this.needs.responseEnded) return;
    this.#tickets.release(ticket);
    for (let i = 0; i < this.#responseEnded.length; i++) this.#responseEnded[i]!.responseEnded(ticket, nowUs);
  }
}

/** Whether any plugin at work reads scraped metrics; the detector of admission counts on its own. */
function readsMetrics(config: EndpointPickerConfig, built: readonly BuiltPlugin[]): boolean {
  const named = new Set(config.schedulingProfiles.flatMap(({ plugins }) => plugins.map(({ plugin }) => plugin)));
  return built.some(
    ({ spec, definition }) =>
      definition.readsMetrics === true && (definition.role === "producer" || named.has(spec.name)),
  );
}
