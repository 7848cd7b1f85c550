import { resolve } from "node:path";
import { loadEndpointPickerConfig } from "@windtunnel/router-policies";
import { parseAllDocuments } from "yaml";
import { ExitCode, UsageError } from "../exit-code.ts";
import { readText } from "../host/read-text.ts";
import type { Terminal } from "../host/terminal.ts";
import { plural } from "../output/numbers.ts";
import { readScenario } from "../run/read-scenario.ts";
import { prepareRuns } from "../run/run-policies.ts";
import type { Command } from "./command.ts";

interface ValidateOptions {
  readonly file?: readonly string[];
  readonly set?: readonly string[];
  readonly strict?: boolean;
  readonly allowExperimentalPlugins?: boolean;
}

/** `windtunnel validate`: says of each file whether it would load, and what in it is not supported yet. */
export const validate: Command = async ({ positional, options }, terminal) => {
  const asked = options as ValidateOptions;
  const files = [...(asked.file ?? []), ...positional];
  if (files.length === 0)
    throw new UsageError("validate needs a file: a scenario, an EndpointPickerConfig or Helm values");
  for (const file of files) {
    const { text } = readText(resolve(terminal.cwd, file), file);
    if (isScenario(text)) await validateScenario(file, asked, terminal);
    else validateRouter(text, file, asked, terminal);
  }
  return ExitCode.pass;
};

/** Scenarios say so; anything else is for the router's loader, which knows its own kinds. */
function isScenario(text: string): boolean {
  const documents = parseAllDocuments(text, { prettyErrors: false, logLevel: "silent" });
  const first = "empty" in documents ? undefined : documents[0];
  const kind: unknown = first?.get?.("kind");
  const apiVersion: unknown = first?.get?.("apiVersion");
  return kind === "Scenario" || (typeof apiVersion === "string" && apiVersion.startsWith("windtunnel.dev/"));
}

async function validateScenario(file: string, asked: ValidateOptions, terminal: Terminal): Promise<void> {
  const read = readScenario({ file: [file], ...(asked.set ? { set: asked.set } : {}) }, terminal);
  const [prepared] = await prepareRuns(read, [], terminal, false);
  const { pools, workload } = prepared!.resolved.input;
  const replicas = pools.reduce((sum, pool) => sum + pool.replicas, 0);
  terminal.out(
    `${file}: valid Scenario: ${plural(workload.count, "request")}, ${plural(replicas, "replica")} in ${plural(pools.length, "pool")}, policy ${prepared!.router.policy}\n`,
  );
}

function validateRouter(text: string, file: string, asked: ValidateOptions, terminal: Terminal): void {
  const { strict = false, allowExperimentalPlugins = false } = asked;
  const config = loadEndpointPickerConfig(text, { file, strict, allowExperimentalPlugins });
  const at = (p: { file: string; line: number; column: number }) => `${p.file}:${p.line}:${p.column}`;
  for (const { position, message } of config.warnings) terminal.err(`note: ${at(position)}: ${message}\n`);
  const injected = new Set(config.plugins.filter((plugin) => plugin.injected).map(({ name }) => name));
  for (const { position, name, type, matters } of config.unsupported) {
    const remark = `${injected.has(name) ? " (a default)" : ""}${matters ? "" : " (no request depends on it)"}`;
    terminal.out(`${at(position)}: plugin "${type}"${remark} is known to llm-d, not supported yet\n`);
  }
  const blocking = config.unsupported.filter(({ matters }) => matters).length;
  const plugins = blocking === 1 ? "a plugin that is" : `${blocking} plugins that are`;
  const verdict = blocking > 0 ? `run refuses it for ${plugins} not supported yet` : "run accepts it";
  const profiles = config.schedulingProfiles.map(({ name }) => name).join(", ");
  terminal.out(
    `${file}: valid EndpointPickerConfig: ${config.plugins.length} plugins, profiles ${profiles}; ${verdict}\n`,
  );
}
