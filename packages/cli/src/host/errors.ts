import { ExitCode } from "../exit-code.ts";
import type { Terminal } from "./terminal.ts";

/** Errors that are the input's or the user's: their message is the whole answer. */
const INPUT_ERRORS = new Set([
  "UsageError",
  "ScenarioError",
  "TraceError",
  "PolicyError",
  "OptionsError",
  "PoolError",
  "TlsError",
  "RecordingError",
  "TokenizerError",
  "TracingError",
  "EnvoyUnavailable",
]);

/** Says what went wrong on stderr and which exit code that is. */
export function reportError(error: unknown, terminal: Pick<Terminal, "err" | "env">): ExitCode {
  if (error instanceof Error && INPUT_ERRORS.has(error.name)) {
    terminal.err(`${error.message.trimEnd()}\n`);
    return ExitCode.usage;
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  if (terminal.env.WINDTUNNEL_DEBUG) {
    terminal.err(`${error instanceof Error ? (error.stack ?? message) : message}\n`);
  } else {
    const line = message.replace(/\s+/g, " ");
    terminal.err(`windtunnel: unexpected ${line}; this is a defect (WINDTUNNEL_DEBUG=1 shows the stack)\n`);
  }
  return ExitCode.crash;
}
