import { eppDemo } from "../demo/demo.ts";
import { createLog } from "../operations/log.ts";
import { startEpp } from "./epp.ts";
import { type EppFlag, FLAG_SECTIONS, INEFFECTIVE_FLAGS, type IneffectiveFlag } from "./flags.ts";
import { eppOptions } from "./options.ts";

const HELP_COLUMN = 40;
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
  for (const { name, why } of options.ineffective) log.info({ detail: why }, `--${name} has no effect here`);
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
  const sections = FLAG_SECTIONS.map(({ title, flags }) => `${title}\n${flags.map(helpLine).join("\n")}\n`);
  return `Usage: windtunnel epp [flags]
       windtunnel epp demo

Serves as the Endpoint Picker of a Gateway API Inference Extension gateway until SIGTERM. Flags, ports and defaults are
those of llm-d's (+ marks what llm-d does not have). demo tries it on loopback: a real Envoy, three fake vLLM servers.

${sections.join("\n")}
Flags of llm-d that are read and have no effect
${INEFFECTIVE_FLAGS.map(ineffectiveLine).join("\n")}

Exit codes: 0 ended with every request answered (or demo, help), 1 requests were given up at the end, or a crash,
2 bad usage or input, 130 ended by a second signal.

Without Kubernetes or TLS, with two model servers:
  windtunnel epp --secure-serving=false --endpoint a=10.0.0.1:8000 --endpoint b=10.0.0.2:8000
`;
}

function ineffectiveLine({ name, why }: IneffectiveFlag): string {
  return `${`  --${name}`.padEnd(HELP_COLUMN)} ${why}`;
}

function helpLine({ name, kind, value = kind, help, ours, default: fallback }: EppFlag): string {
  const flag = `${ours ? "+" : " "} --${name}${kind === "boolean" ? "" : ` <${value}>`}`;
  const note = fallback === undefined || fallback === "false" ? "" : ` (default ${fallback})`;
  return `${flag.padEnd(HELP_COLUMN)} ${help}${note}`;
}
