import type { ExitCode } from "../exit-code.ts";
import type { Terminal } from "../host/terminal.ts";

/** A command line taken apart: plain data, so that it can be handed to a worker. */
export interface Invocation {
  readonly command: CommandName;
  readonly positional: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

/** Does what the command line asks. */
export type Command = (invocation: Invocation, terminal: Terminal) => ExitCode | Promise<ExitCode>;

export type CommandName =
  | "run"
  | "demo"
  | "explain"
  | "policies"
  | "trace"
  | "validate"
  | "schema"
  | "init"
  | "replay-decisions"
  | "epp";

/** Commands that simulate: they run beside the main thread, which stays free to hear that the user wants to stop. */
export const LONG_COMMANDS: ReadonlySet<CommandName> = new Set(["run", "demo", "explain"]);

/** Loads only what the command needs: start-up time is most of a short command's time. */
const COMMANDS: Readonly<Record<CommandName, () => Promise<Command>>> = {
  run: async () => (await import("./run.ts")).run,
  demo: async () => (await import("./demo.ts")).demo,
  explain: async () => (await import("./explain.ts")).explain,
  policies: async () => (await import("./policies.ts")).policies,
  trace: async () => (await import("./trace.ts")).trace,
  validate: async () => (await import("./validate.ts")).validate,
  schema: async () => (await import("./schema.ts")).schema,
  init: async () => (await import("./init.ts")).init,
  "replay-decisions": async () => (await import("./replay-decisions.ts")).replayDecisions,
  epp: async () => (await import("./epp.ts")).epp,
};

/** Runs one command to its exit code. */
export async function runCommand(invocation: Invocation, terminal: Terminal): Promise<ExitCode> {
  const command = await COMMANDS[invocation.command]();
  return command(invocation, terminal);
}
