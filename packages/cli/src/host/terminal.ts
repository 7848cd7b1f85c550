import { writeSync } from "node:fs";

/** Where a command reads its surroundings and writes: data to `out`, progress and remarks to `err`. */
export interface Terminal {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly outIsTty: boolean;
  readonly errIsTty: boolean;
  out(text: string): void;
  err(text: string): void;
  /** True once the user asked to stop. */
  shouldStop(): boolean;
  nowMs(): number;
}

/** What of the terminal a worker cannot find out by itself. */
export interface TerminalFacts {
  readonly outIsTty: boolean;
  readonly errIsTty: boolean;
}

/** The process's own terminal. Writes at once, so that what a command said is out when it ends. */
export function processTerminal(facts: TerminalFacts, shouldStop: () => boolean): Terminal {
  return {
    cwd: process.cwd(),
    env: process.env,
    ...facts,
    out: (text) => writeAll(1, text),
    err: (text) => writeAll(2, text),
    shouldStop,
    nowMs: () => performance.now(),
  };
}

/** Whether to colour what goes to stdout (https://no-color.org). */
export function useColour(terminal: Terminal): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = terminal.env;
  if (NO_COLOR) return false;
  if (FORCE_COLOR && FORCE_COLOR !== "0") return true;
  return terminal.outIsTty && TERM !== "dumb";
}

function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(fd, bytes, written);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // A reader that went away (`| head`) has what it wanted.
      if (code === "EPIPE") return;
      if (code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}
