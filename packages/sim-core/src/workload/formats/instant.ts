/** A point in time in two parts, because one double cannot hold both to 100 ns. */
export interface Instant {
  /** Whole seconds since 1970-01-01 UTC. */
  readonly seconds: number;
  /** Microseconds after that second, fractions kept. */
  readonly fractionUs: number;
}

const PATTERN = /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?$/;
/** Where the fraction or the zone begins. */
const SECONDS_END = 19;
/** Exact, where `**` need not be the same in every engine. */
const POWERS_OF_TEN = [1, 10, 100, 1000, 10_000, 100_000] as const;

/**
 * Reads an ISO 8601 date and time (a blank or `T` between); one without a zone is taken as UTC.
 *
 * Digits are read in place: capture groups would take most of the time that a large file needs.
 */
export function parseInstant(text: string): Instant | undefined {
  if (!PATTERN.test(text)) return undefined;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 7);
  const day = digits(text, 8, 10);
  const hour = digits(text, 11, 13);
  const minute = digits(text, 14, 16);
  const second = digits(text, 17, SECONDS_END);
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const zone = zoneStart(text);
  const fraction = zone - SECONDS_END - 1;
  const dayStart = daysSince1970(year, month, day) * 86400;
  return {
    seconds: dayStart + hour * 3600 + minute * 60 + second - zoneSeconds(text, zone),
    fractionUs: fraction <= 0 ? 0 : microseconds(digits(text, SECONDS_END + 1, zone), fraction),
  };
}

/** @param decimals of the value, 1 to 9 */
function microseconds(value: number, decimals: number): number {
  return decimals <= 6 ? value * POWERS_OF_TEN[6 - decimals]! : value / POWERS_OF_TEN[decimals - 6]!;
}

function digits(text: string, from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i++) value = value * 10 + text.charCodeAt(i) - 48;
  return value;
}

function zoneStart(text: string): number {
  let at = SECONDS_END;
  if (text[at] === ".") while (isDigit(text.charCodeAt(++at)));
  return at;
}

/** False for the NaN past the end. */
function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function zoneSeconds(text: string, at: number): number {
  const sign = text[at] === "+" ? 1 : text[at] === "-" ? -1 : 0;
  if (sign === 0) return 0;
  return sign * (digits(text, at + 1, at + 3) * 3600 + digits(text, text.length - 2, text.length) * 60);
}

function daysInMonth(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/** Days of the proleptic Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil). */
function daysSince1970(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146097 + dayOfEra - 719468;
}
