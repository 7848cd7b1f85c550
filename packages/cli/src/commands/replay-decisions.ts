import { resolve } from "node:path";
import { replayCounterfactual, replayRecording } from "@windtunnel/epp";
import { presetNames, presetText } from "@windtunnel/router-policies";
import { ExitCode } from "../exit-code.ts";
import { readText } from "../host/read-text.ts";
import type { Terminal } from "../host/terminal.ts";
import { useColour } from "../host/terminal.ts";
import type { Format } from "../output/format.ts";
import { formatData, formatTable, isDataFormat, parseFormat } from "../output/format.ts";
import { counterfactualTables, replayTables } from "../output/replay-tables.ts";
import type { Table } from "../output/table.ts";
import type { Command } from "./command.ts";

interface ReplayOptions {
  readonly config?: string;
  readonly strict?: boolean;
  readonly allowExperimentalPlugins?: boolean;
  readonly output: string;
}

/** `windtunnel replay-decisions`: whether a recorded router decides the same again, or what another would do. */
export const replayDecisions: Command = async ({ positional: [recording = ""], options }, terminal) => {
  const asked = options as unknown as ReplayOptions;
  const format = parseFormat(asked.output);
  return asked.config === undefined
    ? again(recording, format, terminal)
    : otherwise(recording, asked.config, asked, format, terminal);
};

async function again(recording: string, format: Format, terminal: Terminal): Promise<ExitCode> {
  const report = await replayRecording(resolve(terminal.cwd, recording));
  print(report, replayTables(report), format, terminal);
  tellIncomplete(report.incomplete, terminal);
  if (report.completeRequests === 0) return ExitCode.inconclusive;
  return report.completeEqual === report.completeRequests ? ExitCode.pass : ExitCode.gateFailed;
}

async function otherwise(
  recording: string,
  config: string,
  asked: ReplayOptions,
  format: Format,
  terminal: Terminal,
): Promise<ExitCode> {
  const text = presetNames.includes(config)
    ? presetText(config)!
    : readText(resolve(terminal.cwd, config), config).text;
  const { strict = false, allowExperimentalPlugins = false } = asked;
  const candidate = { file: config, text, strict, allowExperimentalPlugins };
  const report = await replayCounterfactual(resolve(terminal.cwd, recording), candidate);
  print(report, counterfactualTables(report), format, terminal);
  tellIncomplete(report.incomplete, terminal);
  for (const [what, times] of Object.entries(report.unanswered)) {
    terminal.err(`note: the recording has no ${what} (asked ${times} times): the candidate saw none\n`);
  }
  return report.requests === 0 ? ExitCode.inconclusive : ExitCode.pass;
}

function tellIncomplete(incomplete: readonly string[], terminal: Terminal): void {
  for (const why of incomplete) {
    terminal.err(`note: ${why}: the router did not know all that the recorded one knew, its decisions may differ\n`);
  }
}

function print(report: object, tables: readonly Table[], format: Format, terminal: Terminal): void {
  if (isDataFormat(format)) terminal.out(formatData(report, format));
  else terminal.out(tables.map((table) => formatTable(table, format, useColour(terminal))).join("\n"));
}
