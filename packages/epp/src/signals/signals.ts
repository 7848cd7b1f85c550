import type { EndpointPickerConfig } from "@windtunnel/router-policies";
import type { Clock } from "../host/clock.ts";
import type { LiveRouter } from "../host/live-router.ts";
import type { Log } from "../host/log.ts";
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
  stop(): Promise<void>;
}

/**
 * Begins to scrape metrics, as far as the configuration asks for it.
 *
 * @throws PolicyError for parameters that cannot be used
 */
export function startSignals(config: EndpointPickerConfig, live: LiveRouter, options: SignalOptions): Signals {
  const scrapers = metricsSources(config).map((source) => new MetricsScraper(live, source, options));
  for (const scraper of scrapers) scraper.start();
  return {
    scrapers,
    async stop() {
      for (const scraper of scrapers) scraper.stop();
    },
  };
}
