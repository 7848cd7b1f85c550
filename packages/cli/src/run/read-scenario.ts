import { dirname, resolve } from "node:path";
import type { LoadedScenario, Override } from "@windtunnel/sim-core";
import { loadScenario, parseOverride } from "@windtunnel/sim-core";
import { UsageError } from "../exit-code.ts";
import type { InputFile } from "../host/read-text.ts";
import { readText } from "../host/read-text.ts";
import type { Terminal } from "../host/terminal.ts";

/** How a scenario is named on the command line. */
export interface ScenarioOptions {
  readonly file: readonly string[];
  readonly set?: readonly string[];
  readonly setString?: readonly string[];
  readonly setFile?: readonly string[];
  readonly seed?: string;
}

/** A scenario as read, and what later steps need to find the files it names. */
export interface ReadScenario extends LoadedScenario {
  readonly files: readonly InputFile[];
  /** Directory that relative paths start from: that of the first file. */
  readonly directory: string;
}

/** Reads `-f` files and lays the environment and the `--set` options over them. */
export function readScenario(options: ScenarioOptions, terminal: Pick<Terminal, "cwd" | "env">): ReadScenario {
  const [first, ...rest] = options.file;
  if (first === undefined) throw new UsageError("-f FILE is needed: a scenario (`windtunnel init` writes one)");
  const read = (file: string) => ({ file, ...readText(resolve(terminal.cwd, file), file) });
  const base = read(first);
  const overlays = rest.map(read);
  const loaded = loadScenario(base.text, { file: first, overlays, overrides: overridesOf(options, terminal) });
  return {
    ...loaded,
    files: [base, ...overlays].map(({ input }) => input),
    directory: dirname(resolve(terminal.cwd, first)),
  };
}

/**
 * Does something with what the scenario says at a path, such as opening the file that it names; what cannot be is said
 * with the place in the scenario.
 *
 * @throws UsageError beginning with `file:line:column`
 */
export function atPlace<T>(read: ReadScenario, path: readonly PropertyKey[], action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`${read.place(path)}: ${error.message}`);
  }
}

/** Environment first, then the command line's, so that the latter win. `WINDTUNNEL_SET` holds `path=value` lines. */
function overridesOf(options: ScenarioOptions, terminal: Pick<Terminal, "cwd" | "env">): Override[] {
  return [
    ...environmentSets(terminal.env).map((text) => parseOverride(text, "WINDTUNNEL_SET")),
    ...(options.set ?? []).map((text) => parseOverride(text)),
    ...(options.setString ?? []).map((text) => parseOverride(text, "--set-string", false)),
    ...(options.setFile ?? []).map((text) => fileOverride(text, terminal.cwd)),
    ...(options.seed === undefined ? [] : [seedOverride(options.seed)]),
  ];
}

/** The `path=value` lines of the environment. */
export function environmentSets(env: Terminal["env"]): string[] {
  const lines = (env.WINDTUNNEL_SET ?? "").split(/[\n;]/).map((line) => line.trim());
  return lines.filter((line) => line !== "");
}

function fileOverride(text: string, cwd: string): Override {
  const override = parseOverride(text, "--set-file", false);
  const file = String(override.value);
  return { ...override, value: readText(resolve(cwd, file), override.source).text };
}

function seedOverride(seed: string): Override {
  return { ...parseOverride(`spec.seed=${seed}`), source: `--seed ${seed}` };
}
