import type { Invocation } from "../src/commands/command.ts";
import { runCommand } from "../src/commands/command.ts";
import { reportError } from "../src/host/errors.ts";
import type { Terminal } from "../src/host/terminal.ts";
import { createProgram } from "../src/program.ts";

/** What a command line printed and how it ended. */
export interface Captured {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line in this process, as `main.ts` would, with its output caught. */
export async function windtunnel(args: readonly string[], terminal: Partial<Terminal> = {}): Promise<Captured> {
  const captured = { out: "", err: "" };
  const caught: Terminal = {
    cwd: process.cwd(),
    env: {},
    outIsTty: false,
    errIsTty: false,
    out: (text) => {
      captured.out += text;
    },
    err: (text) => {
      captured.err += text;
    },
    shouldStop: () => false,
    nowMs: () => 0,
    ...terminal,
  };
  let invocation: Invocation | undefined;
  const program = createProgram(caught, (asked) => {
    invocation = asked;
  });
  try {
    await program.parseAsync(["node", "windtunnel", ...args]);
  } catch (error) {
    return { code: (error as { exitCode: number }).exitCode === 0 ? 0 : 2, ...captured };
  }
  try {
    return { code: await runCommand(invocation!, caught), ...captured };
  } catch (error) {
    return { code: reportError(error, caught), ...captured };
  }
}
