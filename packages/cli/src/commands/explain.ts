import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { type ExitCode, UsageError } from "../exit-code.ts";
import type { Terminal } from "../host/terminal.ts";
import type { ScenarioOptions } from "../run/read-scenario.ts";
import type { Command } from "./command.ts";

export interface ExplainOptions extends ScenarioOptions {
  readonly policy?: readonly string[];
  readonly request?: string;
  readonly output: string;
  readonly quiet?: boolean;
}

const HELP =
  "explain needs one of: -f SCENARIO --request ROW, RUN_DIRECTORY --request ROW, metric [NAME], schema [PATH], accelerators, models";

/** `windtunnel explain …`: a request's decision, a metric, a field of a scenario, or what the catalogue has. */
export const explain: Command = async ({ positional: [what, name], options }, terminal) => {
  const asked = options as unknown as ExplainOptions;
  switch (what) {
    case "metric":
      return (await import("./explain-metric.ts")).explainMetric(name, terminal);
    case "schema":
      return (await import("./explain-schema.ts")).explainSchema(name, terminal);
    case "accelerators":
      return (await import("./explain-catalogue.ts")).explainAccelerators(terminal);
    case "models":
      return (await import("./explain-catalogue.ts")).explainModels(terminal);
    default:
      return explainRequest(what, asked, terminal);
  }
};

async function explainRequest(
  directory: string | undefined,
  asked: ExplainOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  if (directory === undefined && asked.file === undefined) throw new UsageError(HELP);
  if (asked.request === undefined)
    throw new UsageError("--request ROW is needed: the request's row in the trace, from 0");
  if (!/^\d+$/.test(asked.request)) throw new UsageError(`--request ${asked.request}: expected a whole number from 0`);
  const { explainRow } = await import("./explain-request.ts");
  if (directory === undefined) return explainRow(asked, Number(asked.request), terminal);
  const path = resolve(terminal.cwd, directory);
  if (!existsSync(path) || !statSync(path).isDirectory()) {
    throw new UsageError(`${directory}: no run directory; ${HELP}`);
  }
  const { fromRunDirectory } = await import("./explain-run-directory.ts");
  return explainRow(fromRunDirectory(path, directory, asked), Number(asked.request), terminal);
}
