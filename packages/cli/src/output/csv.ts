import { stringify } from "csv-stringify/sync";

/** CSV (RFC 4180, LF) with a header line. */
export function csv(columns: readonly string[], rows: readonly (readonly (string | number | null)[])[]): string {
  return stringify([[...columns], ...rows.map((row) => [...row])], { cast: { number: String } });
}
