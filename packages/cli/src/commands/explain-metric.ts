import { didYouMean, METRICS } from "@windtunnel/sim-core";
import { ExitCode, UsageError } from "../exit-code.ts";
import type { Terminal } from "../host/terminal.ts";
import { useColour } from "../host/terminal.ts";
import { textTable } from "../output/table.ts";

/** `windtunnel explain metric [NAME]`: the definition of a metric, or the list of them. */
export function explainMetric(name: string | undefined, terminal: Terminal): ExitCode {
  if (name === undefined) {
    const rows = METRICS.map((metric) => [metric.name, metric.unit, metric.formula]);
    terminal.out(
      textTable({ columns: [{ title: "Metric" }, { title: "unit" }, { title: "formula" }], rows }, useColour(terminal)),
    );
    return ExitCode.pass;
  }
  const wanted = name.toLowerCase();
  const metric = METRICS.find((known) => known.name === wanted || known.field.toLowerCase() === wanted);
  if (!metric) {
    const names = METRICS.map((known) => known.name);
    throw new UsageError(`unknown metric "${name}"${didYouMean(name, names)}; allowed: ${names.join(", ")}`);
  }
  const where = metric.kind === "scalar" ? `fleet.${metric.field}` : `fleet.latency.${metric.field}`;
  terminal.out(
    [
      `${metric.title} (${metric.unit}, ${metric.better} is better)`,
      "",
      metric.description,
      "",
      `formula   ${metric.formula}`,
      `field     ${where}${metric.kind === "scalar" ? "" : ": count, mean, p50, p90, p95, p99, max"}`,
      `null      when ${metric.noData}`,
      "",
    ].join("\n"),
  );
  return ExitCode.pass;
}
