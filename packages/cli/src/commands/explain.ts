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
  "explain needs one of: -f SCENARIO --request ROW, -f SCENARIO --policy A,B, RUN_DIRECTORY --request ROW, topology -f SCENARIO, metric [NAME], schema [PATH], accelerators, models";

/** `windtunnel explain …`: a request's decision, a fleet's topology, a metric, a field of a scenario, or what the catalogue has. */
export const explain: Command = async ({ positional: [what, name], options }, terminal) => {
  const asked = options as unknown as ExplainOptions;
  switch (what) {
    case "topology":
      if (asked.file === undefined) throw new UsageError("topology: -f SCENARIO is needed");
      return (await import("./explain-topology.ts")).explainTopology(asked, terminal);
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
  if (directory !== undefined && asked.file !== undefined) {
    throw new UsageError(`${directory}: -f and a run directory do not go together; ${HELP}`);
  }
  const path = directory === undefined ? undefined : resolve(terminal.cwd, directory);
  if (path !== undefined && !(existsSync(path) && statSync(path).isDirectory())) {
    throw new UsageError(`${directory}: no run directory; ${HELP}`);
  }
  const row = requestRow(asked);
  const explaining = await import("./explain-request.ts");
  if (path !== undefined) return explaining.explainRecordedRow(path, directory!, asked, row, terminal);
  if (row !== undefined) return explaining.explainRow(asked, row, terminal);
  return (await import("./explain-runs.ts")).explainRuns(asked, terminal);
}

/** @throws UsageError for anything but a row, or for none where there are not two policies to compare */
function requestRow({ request, policy = [], file }: ExplainOptions): number | undefined {
  if (request === undefined) {
    if (file !== undefined && policy.length === 2) return undefined;
    throw new UsageError(
      "--request ROW is needed: the request's row in the trace, from 0; or -f and two policies, to compare whole runs",
    );
  }
  if (/^\d{1,15}$/.test(request)) return Number(request);
  throw new UsageError(`--request ${request}: expected a whole number from 0`);
}
