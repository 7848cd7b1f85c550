import type { MetricRow } from "./metric-table.ts";
import { HistogramValue, SimpleValue } from "./metric-values.ts";

interface Series<V> {
  readonly labels: readonly string[];
  readonly value: V;
}

type AnyValue = SimpleValue | HistogramValue;

/**
 * The series of one metric. Whoever counts keeps the values that `child` gives, so that counting is an addition: the
 * work of telling them is done when someone asks.
 */
export class MetricFamily<V extends AnyValue = AnyValue> {
  readonly row: MetricRow;
  readonly #create: () => V;
  readonly #series = new Map<string, Series<V>>();

  private constructor(row: MetricRow, create: () => V) {
    this.row = row;
    this.#create = create;
  }

  static simple(row: MetricRow): MetricFamily<SimpleValue> {
    return new MetricFamily(row, () => new SimpleValue());
  }

  static histogram(row: MetricRow & { readonly bounds: readonly number[] }): MetricFamily<HistogramValue> {
    return new MetricFamily(row, () => new HistogramValue(row.bounds));
  }

  /** The series of these label values, in the order of the row's labels; made when there is none. */
  child(...labels: readonly string[]): V {
    const key = labels.join("\0");
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { labels, value: this.#create() };
      this.#series.set(key, series);
    }
    return series.value;
  }

  /** Forgets series: of an endpoint that is gone. */
  drop(matches: (labels: readonly string[]) => boolean): void {
    for (const [key, { labels }] of this.#series) if (matches(labels)) this.#series.delete(key);
  }

  clear(): void {
    this.#series.clear();
  }

  /** The text of the metric and of its older name, piece by piece (Prometheus text format 0.0.4). */
  *text(): Generator<string> {
    const { name, labels, alias } = this.row;
    yield* this.#block(name, labels, this.row.help, this.#series.values());
    if (alias === undefined) return;
    const help = `Deprecated: use ${name}. ${this.row.help}`;
    yield* this.#block(alias.name, Object.keys(alias.labels), help, this.#merged(Object.values(alias.labels)));
  }

  *#block(
    name: string,
    labels: readonly string[],
    help: string,
    series: Iterable<{ readonly labels: readonly string[]; readonly value: AnyValue }>,
  ): Generator<string> {
    let head = `# HELP ${name} ${help}\n# TYPE ${name} ${this.row.kind}\n`;
    for (const { labels: values, value } of series) {
      if (!value.seen) continue;
      const pairs = labels.map((label, index) => `${label}="${escaped(values[index]!)}"`).join(",");
      const text = value instanceof HistogramValue ? histogramText(name, pairs, value) : simpleText(name, pairs, value);
      yield head + text;
      head = "";
    }
  }

  /** Series that agree in these labels, added up. */
  #merged(wanted: readonly string[]): Iterable<Series<AnyValue>> {
    const indexes = wanted.map((label) => this.row.labels.indexOf(label));
    const merged = new Map<string, Series<AnyValue>>();
    for (const { labels, value } of this.#series.values()) {
      if (!value.seen) continue;
      const kept = indexes.map((index) => labels[index]!);
      const key = kept.join("\0");
      let sum = merged.get(key);
      if (sum === undefined) {
        sum = { labels: kept, value: this.#create() };
        merged.set(key, sum);
      }
      if (value instanceof HistogramValue) (sum.value as HistogramValue).addAll(value);
      else (sum.value as SimpleValue).add((value as SimpleValue).value);
    }
    return merged.values();
  }
}

function simpleText(name: string, pairs: string, { value }: SimpleValue): string {
  return `${name}${pairs === "" ? "" : `{${pairs}}`} ${number(value)}\n`;
}

function histogramText(name: string, pairs: string, { bounds, counts, sum }: HistogramValue): string {
  const before = pairs === "" ? "" : `${pairs},`;
  const own = pairs === "" ? "" : `{${pairs}}`;
  let text = "";
  let count = 0;
  for (const [index, bound] of bounds.entries()) {
    count += counts[index]!;
    text += `${name}_bucket{${before}le="${number(bound)}"} ${count}\n`;
  }
  count += counts[bounds.length]!;
  return `${text}${name}_bucket{${before}le="+Inf"} ${count}\n${name}_sum${own} ${number(sum)}\n${name}_count${own} ${count}\n`;
}

/**
 * A number as Go's Prometheus client writes it: with an exponent from 1e6 up and below 1e-4. A bucket's bound is a label,
 * and only equal labels add up across Endpoint Pickers.
 */
function number(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  const size = Math.abs(value);
  if (Number.isNaN(value) || value === 0 || (size < 1e6 && size >= 1e-4)) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
