const DURATION_UNITS_US: ReadonlyMap<string, number> = new Map([
  ["h", 3_600_000_000],
  ["m", 60_000_000],
  ["s", 1_000_000],
  ["ms", 1_000],
  ["us", 1],
  ["µs", 1],
  ["μs", 1],
  ["ns", 0.001],
]);

const BYTE_UNITS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["k", 1e3],
  ["K", 1e3],
  ["M", 1e6],
  ["G", 1e9],
  ["T", 1e12],
  ["P", 1e15],
  ["Ki", 2 ** 10],
  ["Mi", 2 ** 20],
  ["Gi", 2 ** 30],
  ["Ti", 2 ** 40],
  ["Pi", 2 ** 50],
]);

/** A duration as Go's `time.ParseDuration` writes it: one or more numbers, each with its unit; a bare 0 needs none. */
export const DURATION_PATTERN = /^(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/;

/** A byte count with an SI (`k M G T P`) or binary (`Ki Mi Gi Ti Pi`) unit; the final `B` may be left out. */
export const BYTES_PATTERN = /^(\d+(?:\.\d*)?|\.\d+)([kKMGTP]?|[KMGTP]i)B?$/;

/**
 * Whole microseconds of a duration such as `250ms`, `3s` or `1h30m`; less than a microsecond is rounded.
 *
 * @throws RangeError on any other text, with what is allowed
 */
export function parseDurationUs(text: string): number {
  if (!DURATION_PATTERN.test(text)) {
    throw new RangeError(`invalid duration "${text}" (a number and a unit of ns, us, ms, s, m, h: "250ms", "1h30m")`);
  }
  let totalUs = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)([a-zµμ]+)/g)) {
    totalUs += Number(amount) * (DURATION_UNITS_US.get(unit!) ?? 0);
  }
  return Math.round(totalUs);
}

/** The shortest text that `parseDurationUs` reads back as the same microseconds: `1h30m`, `3s`, `1.5ms`. */
export function formatDurationUs(durationUs: number): string {
  if (durationUs < 0) return `-${formatDurationUs(-durationUs)}`;
  const hours = Math.floor(durationUs / 3_600_000_000);
  const minutes = Math.floor((durationUs % 3_600_000_000) / 60_000_000);
  const restUs = durationUs % 60_000_000;
  const head = (hours > 0 ? `${hours}h` : "") + (minutes > 0 ? `${minutes}m` : "");
  if (restUs === 0) return head === "" ? "0s" : head;
  if (restUs >= 1_000_000 || head !== "") return `${head}${restUs / 1_000_000}s`;
  return restUs >= 1_000 ? `${restUs / 1_000}ms` : `${restUs}us`;
}

/**
 * Whole bytes of a size such as `80GiB`, `16GB` or Kubernetes' `3.4Gi`; a fraction of a byte is rounded.
 *
 * @throws RangeError on any other text, with what is allowed
 */
export function parseBytes(text: string): number {
  const match = BYTES_PATTERN.exec(text);
  if (match === null) {
    throw new RangeError(
      `invalid size "${text}" (a number and a unit of B, kB, MB, GB, TB, KiB, MiB, GiB, TiB: "80GiB")`,
    );
  }
  return Math.round(Number(match[1]) * (BYTE_UNITS.get(match[2]!) ?? 1));
}

/** Bytes in the largest binary unit that they fill, with at most `digits` decimals: `80GiB`, `3.4GiB`, `512B`. */
export function formatBytes(bytes: number, digits = 2): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let scaled = bytes;
  let unit = 0;
  while (Math.abs(scaled) >= 1024 && unit < units.length - 1) {
    scaled /= 1024;
    unit += 1;
  }
  return `${Number(scaled.toFixed(digits))}${units[unit]}`;
}
