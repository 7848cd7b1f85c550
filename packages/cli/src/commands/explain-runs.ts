import { ExitCode } from "../exit-code.ts";
import type { Terminal } from "../host/terminal.ts";
import { useColour } from "../host/terminal.ts";
import { formatData, formatTable, isDataFormat, parseFormat } from "../output/format.ts";
import { compareRuns, differenceLines, movedTable } from "../output/run-difference.ts";
import { readScenario } from "../run/read-scenario.ts";
import type { Run } from "../run/run.ts";
import { prepareRuns, simulateRun } from "../run/run-policies.ts";
import type { ExplainOptions } from "./explain.ts";

/** Runs a scenario under two policies and says what the second does otherwise, and to which requests most of all. */
export async function explainRuns(asked: ExplainOptions, terminal: Terminal): Promise<ExitCode> {
  const format = parseFormat(asked.output);
  const quiet = asked.quiet ?? false;
  const read = readScenario(asked, terminal);
  const runs: Run[] = [];
  for (const entry of await prepareRuns(read, asked.policy ?? [], terminal, quiet)) {
    runs.push(simulateRun(read, entry, terminal, { quiet }));
    if (terminal.shouldStop()) return ExitCode.interrupted;
  }
  const [first, second] = runs as [Run, Run];
  const difference = compareRuns(first, second);
  if (isDataFormat(format)) {
    terminal.out(formatData(difference, format));
    return ExitCode.pass;
  }
  const { name } = read.scenario.metadata;
  terminal.out(`${name} · ${second.policy} against ${first.policy}\n\n`);
  terminal.out(`${differenceLines(difference).join("\n")}\n`);
  const example = difference.shorter[0] ?? difference.longer[0];
  for (const table of [movedTable("shorter", difference), movedTable("longer", difference)]) {
    if (table.rows.length > 0) terminal.out(`\n${formatTable(table, format, useColour(terminal))}`);
  }
  if (example) {
    const files = asked.file.map((file) => `-f ${file}`).join(" ");
    const policies = `--policy ${(asked.policy ?? []).join(",")}`;
    terminal.out(
      `\nWhy one of them went elsewhere: windtunnel explain ${files} ${policies} --request ${example.row}\n`,
    );
  }
  return ExitCode.pass;
}
