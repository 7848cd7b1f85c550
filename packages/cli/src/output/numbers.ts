/** Three significant digits, thousands separated, no exponent: `3.31`, `42,100`, `0.0123`. */
export function formatNumber(value: number): string {
  if (value === 0) return "0";
  // Rounded first: 0.9996 is 1.00, not 1.000.
  const magnitude = Math.abs(Number(value.toPrecision(3)));
  if (magnitude >= 100) return formatCount(Math.round(value));
  const digits = Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(magnitude))));
  return value.toFixed(digits);
}

/** A whole number with separated thousands. */
export function formatCount(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** Bytes in decimal units: `524 MB`, `2.09 TB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let [value, at] = [bytes, 0];
  for (; Number(value.toPrecision(3)) >= 1000 && at < units.length - 1; at++) value /= 1000;
  return `${at === 0 ? formatCount(value) : formatNumber(value)} ${units[at]}`;
}

/** `1 replica`, `8 replicas`. */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Seconds with the unit that fits: `84 µs`, `842 ms`, `1.23 s`, `12m 03s`, `2h 05m`. */
export function formatSeconds(seconds: number): string {
  const magnitude = Math.abs(seconds);
  if (magnitude === 0) return "0 s";
  if (magnitude < 0.000_999_5) return `${formatNumber(seconds * 1e6)} µs`;
  if (magnitude < 0.9995) return `${formatNumber(seconds * 1e3)} ms`;
  if (magnitude < 120) return `${formatNumber(seconds)} s`;
  const total = Math.round(magnitude);
  const two = (value: number) => String(value).padStart(2, "0");
  const sign = seconds < 0 ? "-" : "";
  if (total < 7200) return `${sign}${Math.floor(total / 60)}m ${two(total % 60)}s`;
  return `${sign}${Math.floor(total / 3600)}h ${two(Math.floor((total % 3600) / 60))}m`;
}

/** A fraction as a percentage with one decimal. */
export function formatPercent(fraction: number): string {
  return `${(fraction * 100).toFixed(1)} %`;
}

/** A change relative to `from`: `-33.2 %`, `+8.0 %`, `same`. */
export function formatChange(from: number, to: number): string {
  if (from === to) return "same";
  if (from === 0) return "";
  const change = (to - from) / Math.abs(from);
  const text = `${change >= 0 ? "+" : "-"}${Math.abs(change * 100).toFixed(1)} %`;
  return text === "+0.0 %" || text === "-0.0 %" ? "same" : text;
}
