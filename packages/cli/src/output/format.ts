import type { RunSummary } from "@windtunnel/sim-core";
import { didYouMean } from "@windtunnel/sim-core";
import { stringify } from "yaml";
import { UsageError } from "../exit-code.ts";
import { comparisonTable } from "./comparison-table.ts";
import { csv } from "./csv.ts";
import { flatten } from "./flatten.ts";
import { runTitle, summaryTables } from "./summary-tables.ts";
import type { Table } from "./table.ts";
import { markdownTable, textTable } from "./table.ts";

const FORMATS = ["table", "json", "ndjson", "yaml", "csv", "markdown"] as const;
export type Format = (typeof FORMATS)[number];

/** Formats of values, where the others are of tables. */
type DataFormat = "json" | "ndjson" | "yaml";

export function isDataFormat(format: Format): format is DataFormat {
  return format === "json" || format === "ndjson" || format === "yaml";
}

/** @throws UsageError for a word that is no format */
export function parseFormat(text: string): Format {
  const format = FORMATS.find((known) => known === text);
  if (format) return format;
  throw new UsageError(`-o ${text}: unknown format${didYouMean(text, FORMATS)}; allowed: ${FORMATS.join(", ")}`);
}

/** Runs of one scenario under one policy each, in a format. One run prints as itself, several as a list. */
export function formatRuns(runs: readonly RunSummary[], format: Format, colour: boolean): string {
  switch (format) {
    case "table":
    case "markdown":
      return formatRunTables(runs, format, colour);
    case "csv": {
      const rows = runs.map((run) => flatten(run));
      const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
      return csv(
        columns,
        rows.map((row) => columns.map((column) => row[column] ?? null)),
      );
    }
    default:
      return formatData(runs.length === 1 ? runs[0] : runs, format);
  }
}

function formatRunTables(runs: readonly RunSummary[], format: "table" | "markdown", colour: boolean): string {
  const parts = runs.flatMap((run) => {
    const title = format === "markdown" ? `### ${runTitle(run)}\n` : `${runTitle(run)}\n`;
    return [title, ...summaryTables(run).map((table) => formatTable(table, format, colour))];
  });
  if (runs.length > 1) parts.push(formatTable(comparisonTable(runs), format, colour));
  return parts.join("\n");
}

/** A table as text, Markdown or CSV. */
export function formatTable(table: Table, format: "table" | "markdown" | "csv", colour: boolean): string {
  if (format === "table") return textTable(table, colour);
  if (format === "markdown") return markdownTable(table);
  return csv(
    table.columns.map((column) => column.title),
    table.rows.map((row) => row.map((cell) => (typeof cell === "string" ? cell : cell.text))),
  );
}

/** A value as JSON, YAML, or one JSON line per entry. */
export function formatData(value: unknown, format: DataFormat): string {
  if (format === "json") return `${JSON.stringify(value, null, 2)}\n`;
  if (format === "yaml") return stringify(value, { lineWidth: 0 });
  return `${(Array.isArray(value) ? value : [value]).map((entry) => JSON.stringify(entry)).join("\n")}\n`;
}
