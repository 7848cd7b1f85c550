import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import type { Invocation } from "./commands/command.ts";
import { LONG_COMMANDS, runCommand } from "./commands/command.ts";
import { ExitCode } from "./exit-code.ts";
import { reportError } from "./host/errors.ts";
import type { Terminal, TerminalFacts } from "./host/terminal.ts";
import { processTerminal } from "./host/terminal.ts";

/** What the main thread tells the worker that simulates. */
interface Assignment {
  readonly invocation: Invocation;
  readonly terminal: TerminalFacts;
  /** Becomes 1 when the user asks to stop. */
  readonly stop: Int32Array;
}

/**
 * Does what the process was started for: on the main thread the whole command line, in a worker its long part.
 *
 * @param entry the module that calls this, from which workers start as well
 */
export async function start(entry: URL): Promise<void> {
  if (isMainThread) process.exitCode = await main(process.argv, entry);
  else await work(workerData as Assignment);
}

async function main(argv: readonly string[], entry: URL): Promise<ExitCode> {
  const facts: TerminalFacts = { outIsTty: process.stdout.isTTY === true, errIsTty: process.stderr.isTTY === true };
  const terminal = processTerminal(facts, () => false);
  const { createProgram } = await import("./program.ts");
  let invocation: Invocation | undefined;
  const program = createProgram(terminal, (asked) => {
    invocation = asked;
  });
  try {
    if (argv.length <= 2) {
      program.outputHelp();
      return ExitCode.pass;
    }
    await program.parseAsync(argv);
  } catch (error) {
    // commander has written its message, or the help that was asked for.
    const { code, exitCode } = error as { code?: string; exitCode?: number };
    if (code?.startsWith("commander.")) return exitCode === 0 ? ExitCode.pass : ExitCode.usage;
    return reportError(error, terminal);
  }
  if (invocation === undefined) return ExitCode.usage;
  return LONG_COMMANDS.has(invocation.command) ? delegate(invocation, facts, entry) : attempt(invocation, terminal);
}

/** Runs the command in a worker: a simulation never yields, and this thread must hear the user's Ctrl-C. */
function delegate(invocation: Invocation, terminal: TerminalFacts, entry: URL): Promise<ExitCode> {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(entry, {
    workerData: { invocation, terminal, stop } satisfies Assignment,
  });
  const interrupt = () => {
    // The second time nobody waits for partial results.
    if (Atomics.exchange(stop, 0, 1) === 1) process.exit(ExitCode.interrupted);
    process.stderr.write("\nwindtunnel: stopping; partial results follow (again to stop at once)\n");
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  return new Promise<ExitCode>((resolve) => {
    worker.on("message", (code: ExitCode) => resolve(code));
    worker.on("error", (error) =>
      resolve(reportError(error, { err: (text) => process.stderr.write(text), env: process.env })),
    );
    worker.on("exit", () => resolve(ExitCode.crash));
  }).finally(() => {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  });
}

async function work({ invocation, terminal, stop }: Assignment): Promise<void> {
  const code = await attempt(
    invocation,
    processTerminal(terminal, () => Atomics.load(stop, 0) === 1),
  );
  parentPort?.postMessage(code);
}

async function attempt(invocation: Invocation, terminal: Terminal): Promise<ExitCode> {
  try {
    return await runCommand(invocation, terminal);
  } catch (error) {
    return reportError(error, terminal);
  }
}
