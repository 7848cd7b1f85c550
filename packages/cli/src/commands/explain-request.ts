import { ExitCode, UsageError } from "../exit-code.ts";
import type { Terminal } from "../host/terminal.ts";
import { useColour } from "../host/terminal.ts";
import type { ExplainedRequest } from "../output/decision-difference.ts";
import { differenceLines } from "../output/decision-difference.ts";
import { decisionTables } from "../output/decision-tables.ts";
import { formatData, formatTable, parseFormat } from "../output/format.ts";
import { requestFacts, timelineTable } from "../output/request-timeline.ts";
import { readScenario } from "../run/read-scenario.ts";
import { prepareRuns, simulateRun } from "../run/run-policies.ts";
import type { ExplainOptions } from "./explain.ts";

/** Runs the scenario again, recording one request's decision, and says why it went where it went. */
export async function explainRow(asked: ExplainOptions, row: number, terminal: Terminal): Promise<ExitCode> {
  const format = parseFormat(asked.output);
  const quiet = asked.quiet ?? false;
  const read = readScenario(asked, terminal);
  const prepared = await prepareRuns(read, asked.policy ?? [], terminal, quiet);
  const { count } = prepared[0]!.resolved.input.workload;
  if (row >= count) throw new UsageError(`--request ${row}: the workload has ${count} requests, 0 to ${count - 1}`);
  const explained: ExplainedRequest[] = [];
  for (const entry of prepared) {
    const { policy, result, decisions } = simulateRun(read, entry, terminal, { quiet, recordRow: row });
    const record = decisions.get(row);
    explained.push({ policy, facts: requestFacts(result, row), ...(record ? { record } : {}) });
    if (terminal.shouldStop()) return ExitCode.interrupted;
  }
  if (format === "json" || format === "ndjson" || format === "yaml") {
    const data = explained.map(({ policy, facts, record }) => ({ policy, request: facts, decision: record ?? null }));
    terminal.out(formatData(data.length === 1 ? data[0] : data, format));
    return ExitCode.pass;
  }
  for (const entry of explained)
    terminal.out(`${explanation(entry, read.scenario.metadata.name, format, useColour(terminal))}\n`);
  const [first, second] = explained;
  if (first && second) {
    terminal.out(`Difference: ${second.policy} against ${first.policy}\n`);
    terminal.out(
      `${differenceLines(first, second)
        .map((line) => `  ${line}`)
        .join("\n")}\n`,
    );
  }
  return ExitCode.pass;
}

function explanation(
  { policy, facts, record }: ExplainedRequest,
  scenario: string,
  format: "table" | "markdown" | "csv",
  colour: boolean,
): string {
  const parts = [`Request ${facts.row} · ${scenario} · ${policy}\n`, formatTable(timelineTable(facts), format, colour)];
  if (!record) return [...parts, "No decision: the request never reached the router.\n"].join("\n");
  const { lines, tables } = decisionTables(record);
  return [...parts, `${lines.join("\n")}\n`, ...tables.map((table) => formatTable(table, format, colour))].join("\n");
}
