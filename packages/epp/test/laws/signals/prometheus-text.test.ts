import fc from "fast-check";
import { expect, it } from "vitest";
import type { MetricSpec } from "../../../src/signals/metric-spec.ts";
import { readPage, ScrapePlan, ScrapeReading, type WantedSeries } from "../../../src/signals/prometheus-text.ts";

/** One line of a page as it is meant, and as it is written. */
type Line =
  | { readonly kind: "type"; readonly name: string; readonly type: string; readonly text: string }
  | {
      readonly kind: "sample";
      readonly name: string;
      readonly labels: readonly (readonly [string, string])[];
      readonly value: number;
      readonly stamp: number | undefined;
      readonly text: string;
    }
  | { readonly kind: "other"; readonly text: string };

const name = fc.constantFrom("a", "a_b", "ab", "a:b_total", "vllm:num_requests_waiting", "vllm:num_requests_running");
const blanks = fc.constantFrom("", " ", "\t ");
const value = fc.oneof(fc.nat(1_000_000), fc.double(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY));
const labelText = fc.string({
  unit: fc.constantFrom("x", "y", '"', "\\", "\n", "{", "}", ",", " ", "#", "é"),
  maxLength: 4,
});
const label = fc.tuple(fc.constantFrom("x", "y", "z"), fc.oneof(fc.constantFrom("1", "2"), labelText));

const written = (number: number): string =>
  Number.isNaN(number)
    ? "NaN"
    : number === Number.POSITIVE_INFINITY
      ? "+Inf"
      : number === Number.NEGATIVE_INFINITY
        ? "-Inf"
        : `${number}`;
const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

const typeLine: fc.Arbitrary<Line> = fc
  .record({ name, type: fc.constantFrom("gauge", "counter", "histogram", "untyped", "GAUGE"), indent: blanks })
  .map(({ name, type, indent }) => ({ kind: "type", name, type, text: `${indent}#${indent} TYPE ${name} ${type}` }));

const sampleLine: fc.Arbitrary<Line> = fc
  .record({
    name,
    labels: fc.uniqueArray(label, { selector: ([key]) => key, maxLength: 3 }),
    value,
    stamp: fc.option(fc.integer({ min: -5, max: 5 }), { nil: undefined }),
    indent: blanks,
    comma: fc.constantFrom("", ","),
  })
  .map(({ name, labels, value, stamp, indent, comma }) => {
    const inside = labels.map(([key, text]) => `${key}${indent}=${indent}"${escaped(text)}"`).join(`,${indent}`);
    const braces = labels.length === 0 ? "" : `{${indent}${inside}${comma}}`;
    const text = `${indent}${name}${braces} ${written(value)}${stamp === undefined ? "" : ` ${stamp}`}${indent}`;
    return { kind: "sample", name, labels, value, stamp, text };
  });

const otherLine: fc.Arbitrary<Line> = fc
  .constantFrom("", "# HELP a # TYPE a gauge", "#", "# EOF", 'other{a="1"} 3', "a_bc 5", "xa 5", "# TYPED a gauge")
  .map((text) => ({ kind: "other", text }));

/** A gauge or counter counts from its type line on; what comes before reads 0. */
function plainly(lines: readonly Line[], { spec, pick }: WantedSeries): number | undefined {
  let counts = false;
  let best = -1;
  let found: number | undefined;
  for (const line of lines) {
    if (line.kind === "other" || line.name !== spec.name) continue;
    if (line.kind === "type") {
      counts = ["gauge", "counter"].includes(line.type.toLowerCase());
      continue;
    }
    if (!spec.labels.every(({ name, value }) => line.labels.some(([key, text]) => key === name && text === value)))
      continue;
    const value = counts ? line.value : 0;
    const rank = pick === "newest" ? (line.stamp ?? 0) : value;
    if (rank > best) [best, found] = [rank, value];
  }
  return found;
}

const spec: fc.Arbitrary<MetricSpec> = fc.record({
  name,
  labels: fc.oneof(
    fc.constant([]),
    fc.uniqueArray(
      label.map(([name, value]) => ({ name, value })),
      { selector: (one) => one.name, minLength: 1, maxLength: 2 },
    ),
  ),
});
const wanted = fc.record({ spec, pick: fc.constantFrom("newest" as const, "greatest" as const) });

it("reads any page as a plain reading of its lines does", () => {
  const page = fc.array(fc.oneof(typeLine, { arbitrary: sampleLine, weight: 3 }, otherLine), { maxLength: 30 });
  fc.assert(
    fc.property(fc.array(wanted, { maxLength: 6 }), fc.array(page, { minLength: 1, maxLength: 3 }), (series, pages) => {
      const plan = new ScrapePlan(series);
      const reading = new ScrapeReading(plan);
      for (const lines of pages) {
        const bytes = Buffer.from(lines.map(({ text }) => `${text}\n`).join(""));
        readPage(bytes, 0, bytes.length, plan, reading);
        const read = series.map((_, k) => (reading.found[k] === 1 ? reading.values[k] : undefined));
        expect(read).toEqual(series.map((one) => plainly(lines, one)));
        expect(reading.malformedLines).toBe(0);
      }
    }),
    { numRuns: 1000 },
  );
});

it("never fails on any bytes, nor reads beyond them", () => {
  const nasty = fc.constantFrom(..."# TYPE a gauge", "\n", "{", "}", '"', "\\", "a", "ab", " 1", "=", ",", "\u0000");
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.array(nasty, { maxLength: 60 }).map((parts) => new Uint8Array(Buffer.from(`# TYPE a gauge\n${parts.join("")}`))),
  );
  const plan = new ScrapePlan([
    { spec: { name: "a", labels: [] }, pick: "newest" },
    { spec: { name: "ab", labels: [{ name: "x", value: "1" }] }, pick: "greatest" },
  ]);
  fc.assert(
    fc.property(bytes, (given) => {
      const alone = Buffer.from(given);
      const within = Buffer.concat([alone, Buffer.from('{x="1"} 7\na 9 9\n')]);
      const [first, second] = [new ScrapeReading(plan), new ScrapeReading(plan)];
      readPage(alone, 0, alone.length, plan, first);
      readPage(within, 0, alone.length, plan, second);
      expect([...second.values]).toEqual([...first.values]);
      expect([...second.found]).toEqual([...first.found]);
    }),
    { numRuns: 2000 },
  );
});
