import { join } from "node:path";
import { ChildProgram } from "../../src/demo/child-program.ts";

const MAIN = join(import.meta.dirname, "..", "..", "..", "cli", "src", "main.ts");
const NODE = ["--conditions=windtunnel-source", "--disable-warning=ExperimentalWarning"];
const ANY_PORTS = ["grpc-port", "grpc-health-port", "metrics-port"].flatMap((flag) => [`--${flag}`, "0"]);
const READY_WITHIN_MS = 60_000;

/** `windtunnel` with any arguments, as a process of its own. */
export function windtunnelProcess(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProgram {
  return new ChildProgram(process.execPath, [...NODE, MAIN, ...args], { env });
}

/** An Endpoint Picker as its user starts it, which has said where it serves. */
export interface ServingEpp {
  readonly program: ChildProgram;
  readonly grpcPort: number;
  readonly healthPort: number;
  readonly metricsPort: number;
  /** Lines of its log, parsed. */
  log(): readonly Record<string, unknown>[];
}

/** Starts `windtunnel epp` on free ports; flags win over these. The caller stops it. @throws Error with its last words */
export async function servingEpp(
  flags: readonly string[],
  env: Readonly<Record<string, string>> = {},
  started: (program: ChildProgram) => void = () => {},
): Promise<ServingEpp> {
  const program = windtunnelProcess(["epp", ...ANY_PORTS, "--debug-port", "0", ...flags], env);
  started(program);
  const log = (): Record<string, unknown>[] =>
    program.output
      .split("\n")
      .filter((line) => line.startsWith("{") && line.endsWith("}"))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const { grpcPort, healthPort, metricsPort } = (await program.until(
    "serving",
    async () => log().find(({ msg }) => msg === "serving"),
    READY_WITHIN_MS,
  )) as Record<string, number>;
  return { program, grpcPort: grpcPort!, healthPort: healthPort!, metricsPort: metricsPort!, log };
}
