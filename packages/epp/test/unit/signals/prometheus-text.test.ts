import { expect, it } from "vitest";
import { parseMetricSpec } from "../../../src/signals/metric-spec.ts";
import { readPage, ScrapePlan, ScrapeReading } from "../../../src/signals/prometheus-text.ts";

/** What a page gives for one specification; undefined when it has no such series. */
function value(text: string, spec: string, pick: "newest" | "greatest" = "newest"): number | undefined {
  const plan = new ScrapePlan([{ spec: parseMetricSpec(spec)!, pick }]);
  const reading = new ScrapeReading(plan);
  const page = Buffer.from(text);
  readPage(page, 0, page.length, plan, reading);
  return reading.found[0] === 1 ? reading.values[0] : undefined;
}

it.each([
  ["a gauge", "# TYPE a gauge\na 3\n", "a", 3],
  ["a counter", "# TYPE a counter\na 3.5\n", "a", 3.5],
  ["a type in capitals, blanks about", "#  TYPE \t a  GAUGE\n\t a \t 7 \n", "a", 7],
  ["no type at all", "a 3\n", "a", 0],
  ["a type that comes too late", "a 3\n# TYPE a gauge\n", "a", 0],
  ["a histogram", "# TYPE a histogram\na 3\n", "a", 0],
  ["a help line that speaks of a type", "# HELP a # TYPE a gauge\na 3\n", "a", 0],
  ["another family", "# TYPE ab gauge\nab 3\n", "a", undefined],
  ["a longer name", "# TYPE a gauge\na_total 3\n", "a", undefined],
  ["labels", '# TYPE a gauge\na{x="1",y="}\\"{ 9"} 4\n', "a", 4],
  ["the first of several", '# TYPE a gauge\na{x="1"} 4\na{x="2"} 5\n', "a", 4],
  ["one by its label", '# TYPE a gauge\na{x="1"} 4\na{ x = "2" , y="z", } 5\n', "a{x=2}", 5],
  ["a label that differs", '# TYPE a gauge\na{x="1"} 4\n', "a{x=2}", undefined],
  ["a label that is escaped", '# TYPE a gauge\na{x="q\\"\\\\\\n"} 4\n', 'a{x="q\\"\\\\\\n"}', 4],
  ["the newest stamp", "# TYPE a gauge\na 1 5\na 2 9\na 3 9\na 4\n", "a", 2],
  ["stamps below zero never count", "# TYPE a gauge\na 1 -5\n", "a", undefined],
  ["an exponent", "# TYPE a gauge\na 1.5e+3\n", "a", 1500],
  ["nothing before the point", "# TYPE a gauge\na -.5\n", "a", -0.5],
  ["a long fraction", "# TYPE a gauge\na 0.30000000000000004\n", "a", 0.30000000000000004],
  ["many digits", "# TYPE a gauge\na 12345678901234567890.0\n", "a", 2 ** 64 * 0.6692605942763487],
  ["not a number", "# TYPE a gauge\na NaN\n", "a", Number.NaN],
  ["infinity", "# TYPE a gauge\na +Inf\n", "a", Number.POSITIVE_INFINITY],
  ["a last line cut short", "# TYPE a gauge\na 1", "a", undefined],
  ["an empty page", "", "a", undefined],
  ["empty lines", "\n\n# TYPE a gauge\n\na 1\n\n", "a", 1],
])("reads %s", (_, text, spec, expected) => expect(value(text, spec)).toEqual(expected));

it.each([
  "a\n",
  "a x\n",
  "a 1 2 3\n",
  'a{x="1" 2\n',
  "a 0x10\n",
  "a 1_000\n",
  "a 1 soon\n",
  "a 1e\n",
  `a ${"1".repeat(99)}\n`,
])("passes over the malformed line %j", (line) => {
  const page = Buffer.from(`# TYPE a gauge\n${line}a 8\n`);
  const plan = new ScrapePlan([{ spec: { name: "a", labels: [] }, pick: "newest" }]);
  const reading = new ScrapeReading(plan);
  readPage(page, 0, page.length, plan, reading);
  expect(reading.values[0]).toBe(8);
  expect(reading.malformedLines).toBe(line === "a\n" ? 0 : 1);
});

it("takes the greatest value where the value is a series' time of birth", () => {
  const text = '# TYPE a gauge\na{x="old"} 10\na{x="new"} 30\na{x="mid"} 20 99\n';
  expect(value(text, "a", "greatest")).toBe(30);
  expect(value("# TYPE a gauge\na -3\n", "a", "greatest")).toBeUndefined();
});

it("reads only between the two offsets", () => {
  const plan = new ScrapePlan([{ spec: { name: "a", labels: [] }, pick: "newest" }]);
  const reading = new ScrapeReading(plan);
  const page = Buffer.from("a 1\n# TYPE a gauge\na 2\na 3 9\n");
  readPage(page, 4, 23, plan, reading);
  expect([reading.found[0], reading.values[0]]).toEqual([1, 2]);
});

it("forgets the page before", () => {
  const plan = new ScrapePlan([{ spec: { name: "a", labels: [] }, pick: "newest" }]);
  const reading = new ScrapeReading(plan);
  const first = Buffer.from("# TYPE a gauge\na 1 99\n");
  readPage(first, 0, first.length, plan, reading);
  const second = Buffer.from("a 2\n");
  readPage(second, 0, second.length, plan, reading);
  expect([reading.found[0], reading.values[0]]).toEqual([1, 0]);
});
