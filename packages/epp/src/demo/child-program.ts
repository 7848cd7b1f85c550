import { type ChildProcess, spawn } from "node:child_process";

const KEPT_OUTPUT_CHARACTERS = 64 * 1024;
const KILL_AFTER_MS = 10_000;

export interface ChildProgramOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** A program that this process starts, watches and ends; it never outlives this process. */
export class ChildProgram {
  readonly command: string;
  readonly exited: Promise<number>;
  #output = "";
  #exitCode: number | undefined;
  readonly #child: ChildProcess;

  constructor(command: string, args: readonly string[], options: ChildProgramOptions = {}) {
    this.command = command;
    this.#child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    const keep = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString()).slice(-KEPT_OUTPUT_CHARACTERS);
    };
    this.#child.stdout?.on("data", keep);
    this.#child.stderr?.on("data", keep);
    const killNow = (): void => void this.#child.kill("SIGKILL");
    process.once("exit", killNow);
    this.exited = new Promise((resolve) => {
      const ended = (code: number): void => {
        this.#exitCode = code;
        process.off("exit", killNow);
        resolve(code);
      };
      this.#child.once("error", (error) => {
        this.#output += `${command}: ${error.message}\n`;
        ended(127);
      });
      this.#child.once("exit", (code) => ended(code ?? 128));
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** The end of what it wrote on stdout and stderr. */
  get output(): string {
    return this.#output;
  }

  get running(): boolean {
    return this.#exitCode === undefined;
  }

  /**
   * Waits until the probe gives something.
   *
   * @throws Error with the program's last words when it ends before, or `timeoutMs` pass
   */
  async until<T>(what: string, probe: () => Promise<T | undefined>, timeoutMs = 30_000): Promise<T> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = await probe().catch(() => undefined);
      if (found !== undefined) return found;
      const late = performance.now() > deadline;
      if (!this.running || late) {
        const why = late
          ? `is not ${what} after ${timeoutMs} ms`
          : `ended with ${this.#exitCode} before it was ${what}`;
        throw new Error(`${this.command} ${why}: ${this.#output.trim().split("\n").slice(-5).join(" | ")}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Asks it to end, ends it by force where it does not, and gives its exit code. */
  async stop(signal: NodeJS.Signals = "SIGTERM", killAfterMs = KILL_AFTER_MS): Promise<number> {
    if (this.#exitCode !== undefined) return this.#exitCode;
    this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), killAfterMs);
    const code = await this.exited;
    clearTimeout(timer);
    return code;
  }
}
