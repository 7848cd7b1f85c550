import {
  type Decision,
  type DecisionRecord,
  type EndpointPickerConfig,
  type HostEndpoint,
  type KvEvent,
  Router,
} from "@windtunnel/router-policies";
import { randomStream } from "../host/random-streams.ts";
import {
  numberOfJson,
  type RecordedDecision,
  type RecordedEndpoint,
  type RecordedEvent,
  type RecordedFacts,
  type RecordedMetrics,
  type RecordingHeader,
} from "./recording-line.ts";
import { replayedRequest } from "./replayed-request.ts";
import { recordedKeys } from "./salt.ts";

/** A decision of the replay, endpoints by their recorded numbers. */
export interface ReplayedDecision {
  readonly outcome: "dispatched" | "refused" | "threw";
  readonly to: readonly number[];
  readonly ticket: number;
  readonly profiles: readonly (readonly [profile: string, targets: readonly number[]])[];
  readonly status?: number;
  readonly reason?: string;
  readonly record?: DecisionRecord;
}

type RequestEvent = Extract<RecordedEvent, readonly ["request" | "bodyless", ...unknown[]]>;

/** A recorded decision and the replay's, on the same request. */
export interface DecisionPair {
  readonly request: number;
  readonly facts: RecordedFacts;
  readonly recorded: RecordedDecision;
  readonly replayed: ReplayedDecision;
  /** Nothing scored: a request without a body goes anywhere. */
  readonly bodyless: boolean;
  readonly nameOf: (number: number) => string;
}

export interface RunReplayOptions {
  readonly config: EndpointPickerConfig;
  /** Explains each decision. */
  readonly explain: boolean;
  readonly decided: (pair: DecisionPair) => void;
  /** What the recording cannot answer. */
  readonly missing: (what: string) => void;
}

/** Feeds what one run of an Endpoint Picker has recorded to a router, in order. */
export class RunReplay {
  readonly #options: RunReplayOptions;
  readonly #router: Router;
  readonly #endpoints = new Map<number, HostEndpoint>();
  readonly #numbers = new Map<string, number>();
  /** By number, those that are gone included. */
  readonly #names = new Map<number, string>();
  /** Tickets of requests in flight. */
  readonly #tickets = new Map<number, number>();
  #lastSegment = 0;
  #interrupted = false;
  /** Why the router cannot know all that the recorded one knew; undefined while it does. */
  incomplete: string | undefined;

  constructor(header: RecordingHeader, options: RunReplayOptions) {
    this.#options = options;
    this.#router = new Router(options.config, {
      random: (stream) => randomStream(header.seed, stream),
      ignoreSubset: header.ignoreSubset,
    });
  }

  /** A segment begins. */
  segment({ segment, endpoints }: RecordingHeader): void {
    const follows = segment === this.#lastSegment + 1;
    if (!follows) {
      this.incomplete ??=
        this.#lastSegment === 0
          ? `its first ${segment - 1} segments are gone`
          : `segments between ${this.#lastSegment} and ${segment} are missing`;
    }
    if (!follows || this.#interrupted) this.#catchUp(endpoints);
    this.#interrupted = false;
    this.#lastSegment = segment;
  }

  event(event: RecordedEvent): void {
    const [kind, nowUs] = event;
    if (kind === "endpoint") this.#add(event[2], event[3]);
    else if (kind === "gone") this.#remove(event[2]);
    else if (kind === "metrics") this.#scraped(event[2], event[3], nowUs);
    else if (kind === "kv") this.#kv(event);
    else if (kind === "request" || kind === "bodyless") this.#request(event);
    else if (kind === "started") this.#started(event[2], nowUs);
    else if (kind === "ended") this.#ended(event[2], nowUs);
    else if (kind === "gap") this.#gap(event[2]);
  }

  #gap(lines: number): void {
    this.incomplete ??= `${lines} lines were dropped as they came faster than the disk`;
    this.#interrupted = true;
  }

  /** Takes over endpoints from a segment's first line. */
  #catchUp(endpoints: readonly RecordedEndpoint[]): void {
    const there = new Set(endpoints.map(([number]) => number));
    for (const number of [...this.#endpoints.keys()]) if (!there.has(number)) this.#remove(number);
    for (const [number, facts, metrics] of endpoints) {
      if (!this.#endpoints.has(number)) this.#add(number, facts);
      Object.assign(this.#endpoints.get(number)!.metrics, decoded(metrics));
    }
  }

  #add(number: number, facts: RecordedEndpoint[1]): void {
    this.#endpoints.set(number, this.#router.addEndpoint(facts));
    this.#numbers.set(facts.address, number);
    this.#names.set(number, facts.name);
  }

  #remove(number: number): void {
    const endpoint = this.#endpoints.get(number);
    if (endpoint === undefined) return;
    this.#router.removeEndpoint(endpoint);
    this.#endpoints.delete(number);
    if (this.#numbers.get(endpoint.address) === number) this.#numbers.delete(endpoint.address);
  }

  #scraped(number: number, metrics: RecordedMetrics, nowUs: number): void {
    const endpoint = this.#endpoints.get(number);
    if (endpoint !== undefined) this.#router.updateMetrics(endpoint, decoded(metrics), nowUs);
  }

  #kv([, nowUs, number, type, medium, blockSizeTokens, keys]: Extract<
    RecordedEvent,
    readonly ["kv", ...unknown[]]
  >): void {
    const endpoint = this.#endpoints.get(number);
    if (endpoint === undefined) return;
    const given = keys === null ? {} : { keys: recordedKeys(keys) };
    this.#router.kvEvent(endpoint, { type: type as KvEvent["type"], medium, blockSizeTokens, ...given }, nowUs);
  }

  #request([kind, nowUs, request, facts, recorded]: RequestEvent): void {
    const bodyless = kind === "bodyless";
    const { scraped = [] } = facts;
    for (let i = 0; i < scraped.length; i += 2) {
      const endpoint = this.#endpoints.get(scraped[i]!);
      if (endpoint !== undefined) endpoint.metrics.updatedAtUs = nowUs - scraped[i + 1]!;
    }
    const replayed = this.#decide(bodyless, nowUs, request, facts);
    if (replayed.outcome === "dispatched" && replayed.ticket >= 0) {
      if ("to" in recorded) this.#tickets.set(request, replayed.ticket);
      // The recorded router sent it nowhere: nothing will tell when it would have ended.
      else this.#router.responseEnded(replayed.ticket, nowUs);
    }
    const nameOf = (number: number): string => this.#names.get(number) ?? "an unknown endpoint";
    this.#options.decided({ request, facts, recorded, replayed, bodyless, nameOf });
  }

  #decide(bodyless: boolean, nowUs: number, request: number, facts: RecordedFacts): ReplayedDecision {
    try {
      const decision = bodyless
        ? this.#router.bodylessRequestArrived(facts.subset)
        : this.#router.requestArrived(
            replayedRequest(request, facts, this.#options.missing),
            nowUs,
            this.#options.explain,
          );
      return this.#outcome(decision);
    } catch (error) {
      return { outcome: "threw", to: [], ticket: -1, profiles: [], reason: (error as Error).message };
    }
  }

  #outcome(decision: Decision): ReplayedDecision {
    const numbers = (targets: readonly { readonly address: string }[]): number[] =>
      targets.map(({ address }) => this.#numbers.get(address) ?? -1);
    if (decision.kind === "dispatched") {
      const { targets, ticket, profiles, record } = decision;
      return {
        outcome: "dispatched",
        to: numbers(targets),
        ticket,
        profiles: profiles.map((one) => [one.profile, numbers(one.targets)]),
        ...(record === undefined ? {} : { record }),
      };
    }
    if (decision.kind === "queued") return { outcome: "refused", to: [], ticket: -1, profiles: [], reason: "queued" };
    const { status, reason, record } = decision;
    return {
      ...{ outcome: "refused", to: [], ticket: -1, profiles: [], status },
      ...(reason === undefined ? {} : { reason }),
      ...(record === undefined ? {} : { record }),
    };
  }

  #started(request: number, nowUs: number): void {
    const ticket = this.#tickets.get(request);
    if (ticket !== undefined) this.#router.responseStarted(ticket, nowUs);
  }

  #ended(request: number, nowUs: number): void {
    const ticket = this.#tickets.get(request);
    if (ticket === undefined) return;
    this.#tickets.delete(request);
    this.#router.responseEnded(ticket, nowUs);
  }
}

function decoded(metrics: RecordedMetrics): Record<string, unknown> {
  return Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, numberOfJson(value) ?? undefined]));
}
