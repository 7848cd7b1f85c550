const DURATION_UNIT_US: Readonly<Record<string, number>> = {
  ns: 1e-3,
  us: 1,
  µs: 1,
  μs: 1,
  ms: 1e3,
  s: 1e6,
  m: 60e6,
  h: 3600e6,
};

/** A Go duration (`1h30m`, `1.5s`, `200ms`, `0`) in microseconds; undefined when it is none. */
export function durationUs(text: string): number | undefined {
  const match = /^([+-]?)((?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.exec(text);
  if (match === null) return /^[+-]?0$/.test(text) ? 0 : undefined;
  let us = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    us += Number(amount) * DURATION_UNIT_US[unit!]!;
  }
  if (!Number.isFinite(us) || us > Number.MAX_SAFE_INTEGER) return undefined;
  return match[1] === "-" ? -us : us;
}

const QUANTITY_SUFFIX: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/**
 * A Kubernetes quantity (`10Gi`, `1k`, `500m`, `1e3`) as a whole number, rounded up as `Quantity.Value()` does;
 * undefined when it is none.
 */
export function quantity(text: string): number | undefined {
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?)$/.exec(text);
  if (match === null) return undefined;
  const value = Number(`${match[1]}${match[2] ?? ""}`) * QUANTITY_SUFFIX[match[3] ?? ""]!;
  return Number.isFinite(value) ? Math.ceil(value) : undefined;
}
