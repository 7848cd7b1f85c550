import { NEVER_SCRAPED_US } from "@windtunnel/router-policies";
import type { Clock } from "../host/clock.ts";
import type { LiveRouter } from "../host/live-router.ts";
import type { Signals } from "../signals/signals.ts";
import type { DecisionRing, ExplainedDecision } from "./decision-ring.ts";
import type { InFlight } from "./in-flight.ts";

const US_PER_SECOND = 1e6;

/** What the debug pages show. */
export interface DebugSources {
  readonly live: LiveRouter;
  readonly clock: Clock;
  readonly decisions: DecisionRing;
  readonly inFlight: InFlight;
  /** The EndpointPickerConfig as it is in force, and what else was decided at the start. */
  readonly config: object;
  /** Flags by name, as they are in force. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly signals?: Signals;
}

/** An endpoint as it is now. */
export interface EndpointView {
  readonly name: string;
  readonly namespace: string;
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly waitingQueueSize: number;
  readonly runningRequestsSize: number;
  readonly kvCacheUsageFraction: number;
  readonly cacheBlockSizeTokens: number;
  readonly cacheNumBlocks: number;
  /** null before the first scrape. */
  readonly metricsAgeSeconds: number | null;
  readonly inFlightRequests: number;
  readonly scraping?: {
    readonly engine: string;
    readonly scrapes: number;
    readonly failures: number;
    readonly lastScrapeSeconds: number;
    readonly lastFailure?: { readonly kind: string; readonly detail: string; readonly agoSeconds: number };
  };
}

export function endpointsView({ live, clock, inFlight, signals }: DebugSources): EndpointView[] {
  const nowUs = clock.nowUs();
  const counts = inFlight.byAddress();
  const states = new Map(
    (signals?.scrapers ?? []).flatMap((scraper) => scraper.states()).map((state) => [state.endpoint, state]),
  );
  return live.endpoints.map((endpoint) => {
    const { name, namespace, address, labels, metrics } = endpoint;
    const { updatedAtUs, ...values } = metrics;
    const state = states.get(endpoint);
    return {
      name,
      namespace,
      address,
      labels,
      ...values,
      metricsAgeSeconds: updatedAtUs === NEVER_SCRAPED_US ? null : (nowUs - updatedAtUs) / US_PER_SECOND,
      inFlightRequests: counts.get(address) ?? 0,
      ...(state === undefined ? {} : { scraping: scrapingView(state, nowUs) }),
    };
  });
}

type ScrapeState = ReturnType<Signals["scrapers"][number]["states"]>[number];

function scrapingView(state: ScrapeState, nowUs: number): NonNullable<EndpointView["scraping"]> {
  const { engine, scrapes, failures, lastFailure, lastScrapeUs } = state;
  const failed =
    lastFailure === undefined
      ? {}
      : {
          lastFailure: {
            kind: lastFailure.kind,
            detail: lastFailure.detail,
            agoSeconds: (nowUs - lastFailure.atUs) / US_PER_SECOND,
          },
        };
  return { engine, scrapes, failures, lastScrapeSeconds: lastScrapeUs / US_PER_SECOND, ...failed };
}

/** A line for each decision. */
export function decisionsView({ decisions, clock }: DebugSources): object[] {
  const nowUs = clock.nowUs();
  return decisions.decisions().map((decision) => ({ ...decisionHead(decision, nowUs), record: decision.record }));
}

/** A decision without its record. */
export function decisionHead({ decidedAtUs, record: _, ...rest }: ExplainedDecision, nowUs: number) {
  return { ...rest, agoSeconds: (nowUs - decidedAtUs) / US_PER_SECOND };
}
