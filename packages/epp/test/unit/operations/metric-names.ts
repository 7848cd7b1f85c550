import { METRICS, type MetricRow } from "../../../src/operations/metric-table.ts";

/** The table's rows. */
export const ROWS: readonly MetricRow[] = Object.values(METRICS);

/** Labels by every name that a query may use, of the table and its aliases: a histogram has three. */
export function exportedLabels(): Map<string, readonly string[]> {
  const names = new Map<string, readonly string[]>();
  for (const { name, kind, labels, alias } of ROWS) {
    const forms = [
      [name, labels] as const,
      ...(alias === undefined ? [] : [[alias.name, Object.keys(alias.labels)] as const]),
    ];
    for (const [form, own] of forms) {
      if (kind !== "histogram") names.set(form, own);
      else
        for (const part of ["bucket", "sum", "count"])
          names.set(`${form}_${part}`, part === "bucket" ? [...own, "le"] : own);
    }
  }
  return names;
}
