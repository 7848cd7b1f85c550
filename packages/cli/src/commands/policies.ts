import type { PluginRow } from "@windtunnel/router-policies";
import { loadEndpointPickerConfig, pluginTable, presetNames, presetText } from "@windtunnel/router-policies";
import { didYouMean } from "@windtunnel/sim-core";
import { ExitCode, UsageError } from "../exit-code.ts";
import type { Terminal } from "../host/terminal.ts";
import { useColour } from "../host/terminal.ts";
import { formatData, formatTable, isDataFormat, parseFormat } from "../output/format.ts";
import { parameterRows, pluginMarks, pluginRows } from "../output/plugin-table.ts";
import { textTable } from "../output/table.ts";
import { routerDocument } from "../run/router-document.ts";
import type { Command } from "./command.ts";

/** `windtunnel policies [NAME]`: the router's plugins and the built-in configurations, or one plugin. */
export const policies: Command = ({ positional: [name], options }, terminal) => {
  const format = parseFormat(String(options.output));
  const rows = pluginTable();
  if (name !== undefined) return onePolicy(name, rows, terminal);
  if (isDataFormat(format)) {
    terminal.out(formatData(format === "ndjson" ? rows : { presets: presetNames, plugins: rows }, format));
    return ExitCode.pass;
  }
  terminal.out(formatTable(pluginRows(rows, format !== "table"), format, useColour(terminal)));
  if (format !== "csv") {
    const known = rows.filter(({ status }) => status === "known").map(({ type }) => type);
    terminal.out(`\nPresets (--policy NAME, spec.router.preset): ${presetNames.join(", ")}\n`);
    terminal.out(`\nKnown to llm-d, not supported yet: ${known.join(", ") || "none"}\n`);
    if (format === "table") terminal.out("\nParameters of a plugin, document of a preset: windtunnel policies NAME\n");
  }
  return ExitCode.pass;
};

/** Of a preset its document, every default in force; of a plugin its parameters. */
function onePolicy(name: string, rows: readonly PluginRow[], terminal: Terminal): ExitCode {
  const preset = presetText(name);
  if (preset !== undefined) {
    terminal.out(routerDocument(loadEndpointPickerConfig(preset, { file: `preset ${name}` })));
    return ExitCode.pass;
  }
  const row = rows.find(({ type, aliases }) => type === name || aliases.includes(name));
  if (!row) {
    const names = [...presetNames, ...rows.map(({ type }) => type)];
    throw new UsageError(
      `unknown plugin or preset "${name}"${didYouMean(name, names)}; \`windtunnel policies\` lists them`,
    );
  }
  const { type, role, aliases, summary, status } = row;
  const lines = [`${type} (${role})${pluginMarks(row)}`];
  if (status === "known") lines.push("Known to llm-d, not supported yet.");
  if (summary !== "") lines.push(summary);
  if (aliases.length > 0) lines.push(`also named  ${aliases.join(", ")}`);
  lines.push(
    row.parameters.length === 0 ? "no parameters" : `\n${textTable(parameterRows(row), useColour(terminal)).trimEnd()}`,
  );
  terminal.out(`${lines.join("\n")}\n`);
  return ExitCode.pass;
}
