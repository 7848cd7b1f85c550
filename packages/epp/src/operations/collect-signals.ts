import type { MetricsScraper } from "../signals/metrics-scraper.ts";
import type { Signals } from "../signals/signals.ts";
import type { MetricFamilies } from "./metric-families.ts";

const SOURCE_TYPE = "metrics-data-source";

/** Takes over what the signals' own counters say. */
export function collectSignals(families: MetricFamilies, { scrapers, kvEvents }: Signals): void {
  const total = (of: (counters: MetricsScraper["counters"]) => number): number =>
    scrapers.reduce((sum, { counters }) => sum + of(counters), 0);
  const failures = sums(scrapers.map(({ counters }) => counters.failures));
  for (const [kind, count] of failures) families.scrapeFailures.child(kind).set(count);
  families.pollErrors.child(SOURCE_TYPE).set([...failures.values()].reduce((sum, count) => sum + count, 0));
  families.scrapes.child().set(total(({ scrapes }) => scrapes));
  families.scrapeBytes.child().set(total(({ pageBytes }) => pageBytes));
  families.missingMetrics.child().set(total(({ missingMetrics }) => missingMetrics));
  families.emptyPages.child().set(total(({ emptyPages }) => emptyPages));
  for (const [kind, count] of sums(kvEvents.map(({ messages }) => messages)))
    families.kvMessages.child(kind).set(count);
  for (const [kind, count] of sums(kvEvents.map(({ events }) => events))) families.kvEvents.child(kind).set(count);
}

/** Counters of the same shape, added up by name; names as labels are written. */
function sums(counters: readonly object[]): Map<string, number> {
  const totals = new Map<string, number>();
  for (const one of counters) {
    for (const [name, count] of Object.entries(one) as [string, number][]) {
      const kind = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      totals.set(kind, (totals.get(kind) ?? 0) + count);
    }
  }
  return totals;
}
