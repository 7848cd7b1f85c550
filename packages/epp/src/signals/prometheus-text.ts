import type { MetricSpec } from "./metric-spec.ts";

/** One value wanted of a metrics page. */
export interface WantedSeries {
  readonly spec: MetricSpec;
  /**
   * Which of several matching series counts: the one with the newest time stamp, the first in the text among equals; or
   * the one with the greatest value, for families whose value is their series' time of birth.
   */
  readonly pick: "newest" | "greatest";
}

const NEWLINE = 0x0a;
const TAB = 0x09;
const SPACE = 0x20;
const QUOTE = 0x22;
const HASH = 0x23;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const TYPE_WORD = [0x54, 0x59, 0x50, 0x45];

interface WantedFamily {
  readonly name: Buffer;
  /** Indices into the plan's series. */
  readonly series: readonly number[];
  /** Whether a sample's labels must be looked at. */
  readonly labelled: boolean;
}

/** What to read of a page, prepared once and used for every page of an engine. */
export class ScrapePlan {
  readonly series: readonly WantedSeries[];
  readonly families: readonly WantedFamily[];
  /** A byte position inside every wanted name, and which bytes stand there: most lines differ in it. */
  readonly probeAt: number;
  readonly probe = new Uint8Array(256);

  constructor(series: readonly WantedSeries[]) {
    this.series = series;
    const names = [...new Set(series.map(({ spec }) => spec.name))];
    this.families = names.map((name) => {
      const indices = [...series.keys()].filter((index) => series[index]!.spec.name === name);
      const labelled = indices.some((index) => series[index]!.spec.labels.length > 0);
      return { name: Buffer.from(name), series: indices, labelled };
    });
    this.probeAt = Math.min(...this.families.map(({ name }) => name.length - 1));
    for (const { name } of this.families) this.probe[name[this.probeAt]!] = 1;
  }
}

/** What a page says, by the index of the plan's series. Reused from page to page. */
export class ScrapeReading {
  /** 1 where a series matches. */
  readonly found: Uint8Array;
  readonly values: Float64Array;
  /** Where the matching series' labels stand in the page, without their braces; from = to without any. */
  readonly labelsFrom: Int32Array;
  readonly labelsTo: Int32Array;
  /** Lines of wanted families that cannot be read. */
  malformedLines = 0;
  /** By series: the time stamp, or value, of the one found so far. */
  readonly best: Float64Array;
  /** By family: 1 = its values count (gauge or counter), 0 = they read 0. */
  readonly numeric: Uint8Array;

  constructor(plan: ScrapePlan) {
    const count = plan.series.length;
    this.found = new Uint8Array(count);
    this.values = new Float64Array(count);
    this.labelsFrom = new Int32Array(count);
    this.labelsTo = new Int32Array(count);
    this.best = new Float64Array(count);
    this.numeric = new Uint8Array(plan.families.length);
  }
}

/**
 * Reads the wanted series of a page in Prometheus' text format 0.0.4 between two offsets.
 *
 * As upstream does (llm-d-router, `extractor/metrics` over prometheus/common `expfmt`): only families declared gauge or
 * counter have values, any other reads 0. Unlike it, lines that are not wanted are not checked. A last line without its
 * line feed is cut short, and is not read.
 */
export function readPage(page: Buffer, from: number, to: number, plan: ScrapePlan, reading: ScrapeReading): void {
  reading.found.fill(0);
  reading.numeric.fill(0);
  reading.best.fill(-1);
  reading.malformedLines = 0;
  const { probe, probeAt } = plan;
  if (plan.families.length === 0) return;
  // One native search a line is three times as fast as a loop over bytes.
  for (let at = from; at < to; ) {
    const end = page.indexOf(NEWLINE, at);
    if (end < 0 || end >= to) return;
    const first = page[at]!;
    if (first === HASH) readType(page, at + 1, end, plan, reading);
    else if (probe[page[at + probeAt]!] === 1 || first === SPACE || first === TAB) {
      readSample(page, at, end, plan, reading);
    }
    at = end + 1;
  }
}

/** A comment line after its `#`: `TYPE name type` tells whether the family's values count. */
function readType(page: Buffer, from: number, end: number, plan: ScrapePlan, reading: ScrapeReading): void {
  let at = afterBlanks(page, from, end);
  for (const byte of TYPE_WORD) if (page[at++] !== byte) return;
  const nameAt = afterBlanks(page, at, end);
  if (nameAt === at) return;
  if (plan.probe[page[nameAt + plan.probeAt]!] !== 1) return;
  const family = familyAt(page, nameAt, end, plan);
  if (family < 0) return;
  const nameEnd = nameAt + plan.families[family]!.name.length;
  const typeAt = afterBlanks(page, nameEnd, end);
  if (typeAt === nameEnd) return;
  const type = page.toString("latin1", typeAt, tokenEnd(page, typeAt, end)).toLowerCase();
  reading.numeric[family] = type === "gauge" || type === "counter" ? 1 : 0;
}

function readSample(page: Buffer, from: number, end: number, plan: ScrapePlan, reading: ScrapeReading): void {
  const nameAt = afterBlanks(page, from, end);
  if (nameAt < end && page[nameAt] === HASH) {
    readType(page, nameAt + 1, end, plan, reading);
    return;
  }
  const index = familyAt(page, nameAt, end, plan);
  if (index < 0) return;
  const family = plan.families[index]!;
  let at = afterBlanks(page, nameAt + family.name.length, end);
  let labelsFrom = at;
  let labelsTo = at;
  if (page[at] === OPEN) {
    labelsFrom = at + 1;
    labelsTo = closingBrace(page, labelsFrom, end);
    at = labelsTo + 1;
  }
  const valueAt = afterBlanks(page, at, end);
  const valueEnd = tokenEnd(page, valueAt, end);
  const stampAt = afterBlanks(page, valueEnd, end);
  const stampEnd = tokenEnd(page, stampAt, end);
  const value = numberAt(page, valueAt, valueEnd);
  const stamp = stampEnd === stampAt ? 0 : stampOf(page, stampAt, stampEnd);
  if (labelsTo < labelsFrom || value === undefined || stamp === undefined || afterBlanks(page, stampEnd, end) < end) {
    reading.malformedLines++;
    return;
  }
  const labels = family.labelled ? labelsOf(page, labelsFrom, labelsTo) : [];
  for (const k of family.series) {
    const { spec, pick } = plan.series[k]!;
    if (!spec.labels.every(({ name, value }) => labels.findLast((label) => label.name === name)?.value === value))
      continue;
    const read = reading.numeric[index] === 1 ? value : 0;
    const rank = pick === "newest" ? stamp : read;
    if (!(rank > reading.best[k]!)) continue;
    reading.best[k] = rank;
    reading.found[k] = 1;
    reading.values[k] = read;
    reading.labelsFrom[k] = labelsFrom;
    reading.labelsTo[k] = labelsTo;
  }
}

/** The wanted family whose whole name stands here, −1 for none. */
function familyAt(page: Buffer, at: number, end: number, plan: ScrapePlan): number {
  search: for (let f = 0; f < plan.families.length; f++) {
    const { name } = plan.families[f]!;
    const after = at + name.length;
    if (after >= end) continue;
    for (let i = 0; i < name.length; i++) if (page[at + i] !== name[i]) continue search;
    const next = page[after]!;
    if (next === SPACE || next === OPEN || next === TAB) return f;
  }
  return -1;
}

function afterBlanks(page: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && (page[at] === SPACE || page[at] === TAB)) at++;
  return at;
}

function tokenEnd(page: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && page[at] !== SPACE && page[at] !== TAB) at++;
  return at;
}

/** The brace that closes the labels, −1 where none does. */
function closingBrace(page: Buffer, from: number, end: number): number {
  let quoted = false;
  for (let at = from; at < end; at++) {
    const byte = page[at]!;
    if (quoted && byte === BACKSLASH) at++;
    else if (byte === QUOTE) quoted = !quoted;
    else if (byte === CLOSE && !quoted) return at;
  }
  return -1;
}

const LONGEST_NUMBER = 64;
const SPECIAL: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  "+inf": Number.POSITIVE_INFINITY,
  inf: Number.POSITIVE_INFINITY,
  "+infinity": Number.POSITIVE_INFINITY,
  infinity: Number.POSITIVE_INFINITY,
  "-inf": Number.NEGATIVE_INFINITY,
  "-infinity": Number.NEGATIVE_INFINITY,
};
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** A sample's value; undefined where none stands here. */
function numberAt(page: Buffer, from: number, to: number): number | undefined {
  // Most values are short whole numbers, written as "3.0".
  let whole = 0;
  let at = from;
  for (; at < to && at < from + 15; at++) {
    const digit = page[at]! - 0x30;
    if (digit < 0 || digit > 9) break;
    whole = whole * 10 + digit;
  }
  if (at > from && (at === to || (at === to - 2 && page[at] === 0x2e && page[at + 1] === 0x30))) return whole;
  if (to - from > LONGEST_NUMBER || to === from) return undefined;
  const text = page.toString("latin1", from, to);
  return DECIMAL.test(text) ? Number(text) : SPECIAL[text.toLowerCase()];
}

function stampOf(page: Buffer, from: number, to: number): number | undefined {
  const text = page.toString("latin1", from, Math.min(to, from + LONGEST_NUMBER));
  return /^[+-]?\d{1,19}$/.test(text) ? Number(text) : undefined;
}

/** The labels of a series from what stands between its braces; as far as they can be read. */
export function labelsOf(page: Buffer, from: number, to: number): { name: string; value: string }[] {
  const labels: { name: string; value: string }[] = [];
  const text = page.toString("utf8", from, to);
  const label = /[\s,]*([a-zA-Z_:][a-zA-Z0-9_:]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(?:,|$)/y;
  for (let match = label.exec(text); match !== null; match = label.exec(text)) {
    const raw = match[2]!;
    const value = raw.includes("\\") ? raw.replace(/\\(.)/g, (_, letter) => (letter === "n" ? "\n" : letter)) : raw;
    labels.push({ name: match[1]!, value });
  }
  return labels;
}
