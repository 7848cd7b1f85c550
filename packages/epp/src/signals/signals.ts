import type { EndpointPickerConfig } from "@windtunnel/router-policies";
import type { Clock } from "../host/clock.ts";
import type { LiveRouter } from "../host/live-router.ts";
import type { Log } from "../host/log.ts";
import { KvEventSubscriber } from "./kv-events/kv-event-subscriber.ts";
import { kvEventsConfigs } from "./kv-events/kv-events-config.ts";
import { MetricsScraper } from "./metrics-scraper.ts";
import { metricsSources } from "./metrics-source.ts";

export interface SignalOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly refreshIntervalUs: number;
  readonly maxPageBytes: number;
}

/** Everything that keeps the router's picture of the endpoints fresh. */
export interface Signals {
  readonly scrapers: readonly MetricsScraper[];
  /** One for each precise producer. */
  readonly kvEvents: readonly KvEventSubscriber[];
  stop(): Promise<void>;
}

/**
 * Begins to scrape metrics and to follow KV-cache events, as far as the configuration asks for it.
 *
 * @throws PolicyError for parameters that cannot be used
 */
export function startSignals(config: EndpointPickerConfig, live: LiveRouter, options: SignalOptions): Signals {
  const scrapers = metricsSources(config).map((source) => new MetricsScraper(live, source, options));
  const kvEvents = kvEventsConfigs(config).map((kv) => new KvEventSubscriber(kv, live, options));
  for (const scraper of scrapers) scraper.start();
  for (const subscriber of kvEvents) {
    subscriber.start().catch((error: Error) => {
      options.log.error({ error: error.message }, "KV events are not followed: precise prefixes stay unknown");
    });
  }
  return {
    scrapers,
    kvEvents,
    async stop() {
      for (const scraper of scrapers) scraper.stop();
      for (const subscriber of kvEvents) subscriber.stop();
    },
  };
}
