import type { PluginRow } from "@windtunnel/router-policies";
import type { Table } from "./table.ts";

/** The plugins that are built; parameters take a wide column, so a terminal goes without. */
export function pluginRows(rows: readonly PluginRow[], withParameters: boolean): Table {
  const built = rows.filter(({ status }) => status === "built");
  const titles = ["Plugin", "role", "what it does", ...(withParameters ? ["parameters"] : [])];
  return {
    columns: titles.map((title) => ({ title })),
    rows: built.map((row) => [
      row.type,
      row.role,
      `${row.summary}${pluginMarks(row)}`,
      ...(withParameters ? [parameterText(row)] : []),
    ]),
  };
}

/** One line per parameter. */
export function parameterRows({ parameters }: PluginRow): Table {
  return {
    columns: [{ title: "Parameter" }, { title: "default" }, { title: "" }],
    rows: parameters.map(({ name, defaultValue, description }) => [
      name,
      defaultValue === undefined ? "" : JSON.stringify(defaultValue),
      description ?? "",
    ]),
  };
}

/** `name=default`, comma separated. */
function parameterText({ parameters }: PluginRow): string {
  return parameters
    .map(({ name, defaultValue }) => (defaultValue === undefined ? name : `${name}=${JSON.stringify(defaultValue)}`))
    .join(", ");
}

/** What is special about a plugin. */
export function pluginMarks({ alpha, baseline }: PluginRow): string {
  return `${alpha ? " (alpha)" : ""}${baseline ? " (baseline, not in llm-d)" : ""}`;
}
