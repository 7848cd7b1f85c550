import { resolve } from "node:path";
import { presetNames } from "@windtunnel/router-policies";
import { stringify } from "yaml";
import manifest from "../../package.json" with { type: "json" };
import { ExitCode } from "../exit-code.ts";
import type { Terminal } from "../host/terminal.ts";
import { useColour } from "../host/terminal.ts";
import type { Format } from "../output/format.ts";
import { formatData, formatRuns, parseFormat } from "../output/format.ts";
import type { ScenarioOptions } from "../run/read-scenario.ts";
import { environmentSets, readScenario } from "../run/read-scenario.ts";
import { routerDocument } from "../run/router-document.ts";
import type { Run } from "../run/run.ts";
import type { Manifest } from "../run/run-directory.ts";
import { checkRunDirectory, writeRunDirectory } from "../run/run-directory.ts";
import type { PreparedRun } from "../run/run-policies.ts";
import { prepareRuns, simulateRun } from "../run/run-policies.ts";
import { withTrace } from "../run/with-trace.ts";
import type { Command } from "./command.ts";

interface RunOptions extends ScenarioOptions {
  readonly policy?: readonly string[];
  readonly output: string;
  readonly out?: string;
  readonly trace?: string;
  readonly dryRun?: boolean;
  readonly quiet?: boolean;
}

/** `windtunnel run`: simulates a scenario under one policy or several. */
export const run: Command = async ({ positional, options }, terminal) => {
  const { file = [], ...rest } = options as unknown as Partial<RunOptions>;
  const asked = withTrace({ ...rest, file: [...file, ...positional] } as RunOptions, rest.trace, terminal);
  const { quiet = false, out } = asked;
  const format = parseFormat(asked.output);
  const read = readScenario(asked, terminal);
  if (out !== undefined) checkRunDirectory(resolve(terminal.cwd, out));
  const prepared = await prepareRuns(read, asked.policy ?? [], terminal, quiet);
  if (asked.dryRun) {
    terminal.out(dryRun(prepared, format));
    return ExitCode.pass;
  }
  const startMs = terminal.nowMs();
  const runs: Run[] = [];
  for (const entry of prepared) {
    runs.push(simulateRun(read, entry, terminal, { quiet }));
    if (terminal.shouldStop()) break;
  }
  terminal.out(
    formatRuns(
      runs.map(({ summary }) => summary),
      format,
      useColour(terminal),
    ),
  );
  if (out !== undefined) {
    writeRunDirectory(resolve(terminal.cwd, out), runs, manifestOf(asked, runs, terminal));
    if (!quiet) terminal.err(`wrote ${out}\n`);
  }
  if (!quiet && terminal.errIsTty) terminal.err(speedLine(runs, (terminal.nowMs() - startMs) / 1000));
  return runs.some(({ result }) => result.stopped) ? ExitCode.interrupted : ExitCode.pass;
};

/** The resolved scenarios; in YAML each with its router's configuration below it as a comment, so that it runs as it is. */
function dryRun(prepared: readonly PreparedRun[], format: Format): string {
  if (format === "json" || format === "ndjson") {
    const documents = prepared.map(({ document }) => document());
    return formatData(documents.length === 1 ? documents[0] : documents, format);
  }
  const texts = prepared.map(({ document, router }) => {
    const comment = routerDocument(router.config).trimEnd().replace(/^/gm, "# ");
    return `${stringify(document(), { lineWidth: 0 })}# The router, every default in force:\n${comment}\n`;
  });
  return texts.join("---\n");
}

/** How long the computer took; on stderr, as it differs from run to run. */
function speedLine(runs: readonly Run[], seconds: number): string {
  const requests = runs.reduce((sum, { result }) => sum + result.requests.count, 0);
  return `${requests} requests simulated in ${seconds.toFixed(2)} s\n`;
}

function absoluteSetFile(text: string, terminal: Terminal): string {
  const value = text.indexOf("=") + 1;
  return `${text.slice(0, value)}${resolve(terminal.cwd, text.slice(value))}`;
}

function manifestOf(asked: RunOptions, runs: readonly Run[], terminal: Terminal): Manifest {
  const [first] = runs;
  const inputs = new Map(runs.flatMap(({ summary }) => summary.inputs.map((input) => [input.path, input])));
  return {
    kind: "RunDirectory",
    scenario: first!.summary.scenario,
    version: manifest.version,
    node: process.version,
    scenarioFiles: asked.file.map((file) => resolve(terminal.cwd, file)),
    sets: [...environmentSets(terminal.env), ...(asked.set ?? [])],
    setStrings: asked.setString ?? [],
    setFiles: (asked.setFile ?? []).map((text) => absoluteSetFile(text, terminal)),
    seed: first!.summary.seed,
    ...(asked.seed === undefined ? {} : { seedOption: asked.seed }),
    partial: runs.some(({ result }) => result.stopped),
    inputs: [...inputs.values()],
    policies: runs.map(({ policy }) => policy),
    policyOptions: (asked.policy ?? []).map((name) =>
      presetNames.includes(name) ? name : resolve(terminal.cwd, name),
    ),
  };
}
