import { eppDemo } from "../demo/demo.ts";
import { createLog } from "../operations/log.ts";
import { startEpp } from "./epp.ts";
import { EPP_FLAGS } from "./flags.ts";
import { eppOptions } from "./options.ts";

const HELP_COLUMN = 46;
const EXIT = { pass: 0, requestsLost: 1, interrupted: 130 } as const;

/** What `windtunnel epp` needs of its process. */
export interface EppTerminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  out(text: string): void;
  err(text: string): void;
}

/**
 * `windtunnel epp`: serves until SIGTERM or SIGINT, then drains; a second signal ends it at once.
 *
 * @returns the exit code
 * @throws OptionsError, PolicyError, PoolError or TlsError: one line for who started it
 */
export async function runEpp(args: readonly string[], terminal: EppTerminal): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    terminal.out(eppHelp());
    return EXIT.pass;
  }
  if (args[0] === "demo") {
    await eppDemo({ out: terminal.out, say: (line) => terminal.err(`${line}\n`) });
    return EXIT.pass;
  }
  const options = eppOptions(args, terminal.env);
  const log = createLog({ verbosity: options.number("v"), write: (line) => terminal.err(line) });
  const epp = await startEpp(options, log);
  const { grpcPort, healthPort, metricsPort, debugPort } = epp;
  log.info({ grpcPort, healthPort, metricsPort, debugPort, endpoints: epp.live.endpoints.length }, "serving");
  await signalled();
  const again = signalled().then(() => undefined);
  const drained = await Promise.race([epp.drain(), again]);
  await epp.stop();
  if (drained === undefined) return EXIT.interrupted;
  log.info({ abandoned: drained.abandoned }, "stopped");
  return drained.abandoned > 0 ? EXIT.requestsLost : EXIT.pass;
}

function signalled(): Promise<void> {
  return new Promise((resolve) => {
    const heard = (): void => {
      process.off("SIGTERM", heard);
      process.off("SIGINT", heard);
      resolve();
    };
    process.on("SIGTERM", heard);
    process.on("SIGINT", heard);
  });
}

/** Text of `windtunnel epp --help`. */
function eppHelp(): string {
  const lines = EPP_FLAGS.filter(({ ignored }) => !ignored).map(({ name, kind, help, default: fallback }) => {
    const flag = `  --${name}${kind === "boolean" ? "" : ` <${kind}>`}`;
    const note = fallback === undefined || fallback === "false" ? "" : ` (default ${fallback})`;
    return `${flag.padEnd(HELP_COLUMN)} ${help}${note}`;
  });
  const usage = "Usage: windtunnel epp [flags]\n       windtunnel epp demo\n";
  const what = "Runs the Endpoint Picker: flags and ports as llm-d's. demo tries it on loopback, with a real Envoy.\n";
  return `${usage}\n${what}\n${lines.join("\n")}\n`;
}
