import manifestOfPackage from "../../package.json" with { type: "json" };
import { ExitCode, UsageError } from "../exit-code.ts";
import type { InputFile } from "../host/read-text.ts";
import type { Terminal } from "../host/terminal.ts";
import { useColour } from "../host/terminal.ts";
import type { ExplainedRequest } from "../output/decision-difference.ts";
import { differenceTable, whyBoth } from "../output/decision-difference.ts";
import { decisionTables } from "../output/decision-tables.ts";
import type { Format } from "../output/format.ts";
import { formatData, formatTable, isDataFormat, parseFormat } from "../output/format.ts";
import { legsTable, movedOver } from "../output/request-legs.ts";
import { requestFacts, timelineTable } from "../output/request-timeline.ts";
import { readScenario } from "../run/read-scenario.ts";
import { prepareRuns, simulateRun } from "../run/run-policies.ts";
import type { ExplainOptions } from "./explain.ts";
import { checkInputs, openRunDirectory, optionsOfRun, recordedRequests } from "./explain-run-directory.ts";

/** Runs the scenario again, recording one request's decision, and says why it went where it went. */
export async function explainRow(
  asked: ExplainOptions,
  row: number,
  terminal: Terminal,
  checkFiles?: (files: readonly InputFile[]) => void,
): Promise<ExitCode> {
  const format = parseFormat(asked.output);
  const quiet = asked.quiet ?? false;
  const read = readScenario(asked, terminal);
  const prepared = await prepareRuns(read, asked.policy ?? [], terminal, quiet);
  checkFiles?.(prepared.flatMap(({ files }) => files));
  const { count } = prepared[0]!.resolved.input.workload;
  if (row >= count) throw new UsageError(`--request ${row}: the workload has ${count} requests, 0 to ${count - 1}`);
  const explained: ExplainedRequest[] = [];
  for (const entry of prepared) {
    const { policy, input, result, decisions } = simulateRun(read, entry, terminal, { quiet, recordRow: row });
    const record = decisions.get(row);
    const facts = { ...requestFacts(result, row), ...movedOver(input, result, row) };
    explained.push({ policy, facts, ...(record ? { record } : {}) });
    if (terminal.shouldStop()) return ExitCode.interrupted;
  }
  printExplained(explained, read.scenario.metadata.name, format, terminal);
  return ExitCode.pass;
}

/** Says what a run directory recorded of a request; runs the scenario again where it recorded nothing of it. */
export async function explainRecordedRow(
  path: string,
  shown: string,
  asked: ExplainOptions,
  row: number | undefined,
  terminal: Terminal,
): Promise<ExitCode> {
  if (row === undefined) throw new UsageError("--request ROW is needed with a run directory");
  const format = parseFormat(asked.output);
  const manifest = openRunDirectory(path, shown);
  const recorded = await recordedRequests(path, manifest, asked.policy ?? manifest.policies, row);
  if (recorded) {
    printExplained(recorded, manifest.scenario, format, terminal);
    return ExitCode.pass;
  }
  if (!asked.quiet) {
    terminal.err(`note: ${shown} has no recorded decision of request ${row}: running its scenario again\n`);
    if (manifest.version !== manifestOfPackage.version) {
      terminal.err(`note: it was made by windtunnel ${manifest.version}, this is ${manifestOfPackage.version}\n`);
    }
  }
  const replaced = asked.policy ? manifest.policies : [];
  // What the environment set then is among the manifest's overrides; what it sets now was not part of that run.
  const { WINDTUNNEL_SET: _, ...env } = terminal.env;
  return explainRow(optionsOfRun(manifest, asked), row, { ...terminal, env }, (files) =>
    checkInputs(shown, manifest, files, replaced),
  );
}

function printExplained(
  explained: readonly ExplainedRequest[],
  scenario: string,
  format: Format,
  terminal: Terminal,
): void {
  if (isDataFormat(format)) {
    const data = explained.map(({ policy, facts, record }) => ({ policy, request: facts, decision: record ?? null }));
    terminal.out(formatData(data.length === 1 ? data[0] : data, format));
    return;
  }
  const colour = useColour(terminal);
  const [first, second] = explained;
  if (first && second) {
    // The answer first; what it rests on is below.
    terminal.out(`Request ${first.facts.row} · ${scenario} · ${first.policy} and ${second.policy}\n\n`);
    terminal.out(`${formatTable(differenceTable(first, second), format, colour)}\n`);
    terminal.out(`${whyBoth(first, second).join("\n")}\n\n`);
  }
  for (const entry of explained) terminal.out(`${explanation(entry, scenario, format, colour)}\n`);
}

function explanation(
  { policy, facts, record }: ExplainedRequest,
  scenario: string,
  format: "table" | "markdown" | "csv",
  colour: boolean,
): string {
  const legs = legsTable(facts);
  const parts = [
    `Request ${facts.row} · ${scenario} · ${policy}\n`,
    ...[timelineTable(facts), ...(legs ? [legs] : [])].map((table) => formatTable(table, format, colour)),
  ];
  if (!record) return [...parts, "No decision: the request never reached the router.\n"].join("\n");
  const { lines, tables } = decisionTables(record);
  return [...parts, `${lines.join("\n")}\n`, ...tables.map((table) => formatTable(table, format, colour))].join("\n");
}
