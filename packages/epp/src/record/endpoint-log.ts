import {
  type EndpointFacts,
  type EndpointMetrics,
  type HostEndpoint,
  NEVER_SCRAPED_US,
} from "@windtunnel/router-policies";
import { jsonNumber, type RecordedEndpoint } from "./recording-line.ts";

interface LoggedEndpoint {
  readonly number: number;
  readonly endpoint: HostEndpoint;
  readonly facts: EndpointFacts;
  /** As recorded last. */
  readonly metrics: Record<string, unknown>;
  /** Scraped since the last decision, with nothing new. */
  refreshed: boolean;
}

/** The endpoints by the numbers that a recording gives them, and what it knows of their metrics. */
export class EndpointLog {
  readonly #logged = new Map<HostEndpoint, LoggedEndpoint>();
  readonly #numbers = new Map<string, number>();
  #refreshed: LoggedEndpoint[] = [];
  #next = 0;

  /** Number of a new endpoint. */
  add(endpoint: HostEndpoint, facts: EndpointFacts): number {
    const number = this.#next++;
    this.#logged.set(endpoint, { number, endpoint, facts, metrics: {}, refreshed: false });
    this.#numbers.set(facts.address, number);
    return number;
  }

  /** Number of an endpoint that goes. */
  remove(endpoint: HostEndpoint): number | undefined {
    const logged = this.#logged.get(endpoint);
    if (logged === undefined) return undefined;
    this.#logged.delete(endpoint);
    if (this.#numbers.get(endpoint.address) === logged.number) this.#numbers.delete(endpoint.address);
    this.#refreshed = this.#refreshed.filter((one) => one !== logged);
    return logged.number;
  }

  numberOf(endpoint: HostEndpoint): number | undefined {
    return this.#logged.get(endpoint)?.number;
  }

  /** -1 for an address that no endpoint has. */
  numberAt(address: string): number {
    return this.#numbers.get(address) ?? -1;
  }

  /** What a scrape has changed; undefined when nothing: only its time is news then. */
  changed(endpoint: HostEndpoint, scraped: Partial<EndpointMetrics>): Record<string, unknown> | undefined {
    const logged = this.#logged.get(endpoint);
    if (logged === undefined) return undefined;
    let changes: Record<string, unknown> | undefined;
    for (const name in scraped) {
      if (name === "updatedAtUs") continue;
      const value = scraped[name as keyof EndpointMetrics];
      const last = logged.metrics[name];
      if (Object.is(value, last) || (typeof value === "object" && JSON.stringify(value) === JSON.stringify(last)))
        continue;
      logged.metrics[name] = value;
      changes ??= {};
      changes[name] = value === undefined ? null : jsonNumber(value);
    }
    if (!logged.refreshed && changes === undefined) {
      logged.refreshed = true;
      this.#refreshed.push(logged);
    } else if (changes !== undefined && logged.refreshed) {
      logged.refreshed = false;
      this.#refreshed.splice(this.#refreshed.indexOf(logged), 1);
    }
    return changes;
  }

  /** Number and age of each endpoint that was scraped since the last call without a change. */
  takeRefreshed(nowUs: number): number[] {
    const pairs: number[] = [];
    for (const logged of this.#refreshed) {
      logged.refreshed = false;
      pairs.push(logged.number, nowUs - logged.endpoint.metrics.updatedAtUs);
    }
    this.#refreshed = [];
    return pairs;
  }

  /** All of them as they are now, in order of addition. */
  snapshot(): RecordedEndpoint[] {
    return [...this.#logged.values()].map(({ number, facts, endpoint }) => {
      const metrics = Object.entries(endpoint.metrics).map(([name, value]) => [name, jsonNumber(value)]);
      const { name, namespace, address, labels } = facts;
      const scraped = endpoint.metrics.updatedAtUs !== NEVER_SCRAPED_US;
      return [number, { name, namespace, address, labels }, scraped ? Object.fromEntries(metrics) : {}];
    });
  }
}
