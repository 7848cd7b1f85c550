import { MetricFamily } from "./metric-family.ts";
import { METRICS, type MetricKey, type MetricRow } from "./metric-table.ts";
import type { HistogramValue, SimpleValue } from "./metric-values.ts";

/** A family for every metric of the table. */
export type MetricFamilies = {
  readonly [Key in MetricKey]: (typeof METRICS)[Key]["kind"] extends "histogram"
    ? MetricFamily<HistogramValue>
    : MetricFamily<SimpleValue>;
};

export function metricFamilies(): MetricFamilies {
  const families = Object.entries(METRICS).map(([key, row]: [string, MetricRow]) => [
    key,
    row.bounds === undefined ? MetricFamily.simple(row) : MetricFamily.histogram({ ...row, bounds: row.bounds }),
  ]);
  return Object.fromEntries(families) as MetricFamilies;
}
