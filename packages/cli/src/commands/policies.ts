import type { PluginRow } from "@windtunnel/router-policies";
import { pluginTable, presetNames } from "@windtunnel/router-policies";
import { ExitCode } from "../exit-code.ts";
import { useColour } from "../host/terminal.ts";
import { formatData, formatTable, parseFormat } from "../output/format.ts";
import type { Table } from "../output/table.ts";
import type { Command } from "./command.ts";

/** `windtunnel policies`: the router's plugins and the built-in configurations. */
export const policies: Command = ({ options }, terminal) => {
  const format = parseFormat(String(options.output));
  const rows = pluginTable();
  if (format === "json" || format === "ndjson" || format === "yaml") {
    terminal.out(formatData(format === "ndjson" ? rows : { presets: presetNames, plugins: rows }, format));
    return ExitCode.pass;
  }
  const colour = useColour(terminal);
  terminal.out(formatTable(builtTable(rows), format, colour));
  if (format !== "csv") {
    const known = rows.filter(({ status }) => status === "known").map(({ type }) => type);
    terminal.out(`\nKnown to llm-d, not supported yet: ${known.join(", ") || "none"}\n`);
    terminal.out(`\nPresets (--policy NAME, spec.router.preset): ${presetNames.join(", ")}\n`);
  }
  return ExitCode.pass;
};

function builtTable(rows: readonly PluginRow[]): Table {
  return {
    columns: [{ title: "Plugin" }, { title: "role" }, { title: "parameters" }, { title: "" }],
    rows: rows
      .filter(({ status }) => status === "built")
      .map((row) => [row.type, row.role, parameterText(row), `${row.summary}${marks(row)}`]),
  };
}

/** `name=default`, comma separated. */
export function parameterText({ parameters }: PluginRow): string {
  return parameters
    .map(({ name, defaultValue }) => (defaultValue === undefined ? name : `${name}=${JSON.stringify(defaultValue)}`))
    .join(", ");
}

function marks({ alpha, baseline }: PluginRow): string {
  return `${alpha ? " (alpha)" : ""}${baseline ? " (baseline, not in llm-d)" : ""}`;
}
