import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ChildProgram } from "../../src/demo/child-program.ts";
import { healthStatus } from "./health-client.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..", "..");
const BUILD = join(ROOT, "scripts", "build.ts");
const SERVING = 1;
const READY_WITHIN_MS = 60_000;
const LOWEST_PORT = 10_000;
const PORTS = 22_000;
const EXT_PROC = "envoy.service.ext_proc.v3.ExternalProcessor";

/** How an Endpoint Picker is started; both take upstream's options. */
export interface EppProgram {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** Where the tests of the Go Endpoint Picker find it, in words for a user. */
export const GO_EPP_SKIP =
  "WINDTUNNEL_GO_EPP does not name the upstream Endpoint Picker (go install github.com/llm-d/llm-d-router/cmd/epp@latest)";

/** Upstream's Endpoint Picker; undefined where `WINDTUNNEL_GO_EPP` does not name it. */
export function goEpp(): EppProgram | undefined {
  const command = process.env.WINDTUNNEL_GO_EPP;
  if (command === undefined) return undefined;
  const args = ["--metrics-endpoint-auth=false", "--tracing=false", "--zap-devel=false", "-v", "0"];
  return { name: "go", command, args };
}

/** Ours, from source, or from a built command. */
export function ourEpp(bundle?: string): EppProgram {
  const main = bundle ?? join(ROOT, "packages", "cli", "src", "main.ts");
  const node = bundle === undefined ? ["--conditions=windtunnel-source", "--disable-warning=ExperimentalWarning"] : [];
  return {
    name: "ours",
    command: process.execPath,
    args: [...node, main, "epp", "--tracing=false", "--debug-port", "0", "-v", "0"],
  };
}

/**
 * Ours as the container image runs it: built, with the options of Node that the image gives. Builds it into a folder that
 * goes with this process unless a built one is given.
 */
export function publishedEpp(bundle?: string): EppProgram {
  const program = ourEpp(bundle ?? built());
  return { ...program, args: [...imageNodeOptions(), ...program.args] };
}

function built(): string {
  const folder = mkdtempSync(join(tmpdir(), "windtunnel-built-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const args = ["--conditions=windtunnel-source", "--disable-warning=ExperimentalWarning", BUILD, "--out", folder];
  const { status } = spawnSync(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error("the command could not be built");
  return join(folder, "cli", "dist", "windtunnel.js");
}

/** Node's options in the image's entry point. */
function imageNodeOptions(): string[] {
  const entry = /^ENTRYPOINT (\[.*\])$/m.exec(readFileSync(join(ROOT, "deploy", "Containerfile"), "utf8"))?.[1];
  return (JSON.parse(entry ?? "[]") as string[]).filter((word) => word.startsWith("--"));
}

/** An endpoint as a file for `file-discovery` names it. */
export interface FileEndpoint {
  readonly name: string;
  /** `ip:port`. */
  readonly address: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** A folder of files that several Endpoint Pickers read. */
export class EppFiles {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async create(): Promise<EppFiles> {
    return new EppFiles(await mkdtemp(join(tmpdir(), "windtunnel-epp-")));
  }

  get endpointsFile(): string {
    return join(this.directory, "endpoints.yaml");
  }

  /** Replaces the list as a user should: written beside, then renamed. JSON is YAML. */
  async writeEndpoints(endpoints: readonly FileEndpoint[]): Promise<void> {
    const rows = endpoints.map(({ name, address, labels = {} }) => {
      const colon = address.lastIndexOf(":");
      return { name, address: address.slice(0, colon), port: address.slice(colon + 1), labels };
    });
    const partial = `${this.endpointsFile}.tmp`;
    await writeFile(partial, JSON.stringify({ endpoints: rows }, null, 1));
    await rename(partial, this.endpointsFile);
  }

  async writeConfig(text: string, name = "config.yaml"): Promise<string> {
    const path = join(this.directory, name);
    await writeFile(path, text);
    return path;
  }

  remove(): Promise<void> {
    return rm(this.directory, { recursive: true, force: true });
  }
}

export interface EppOptions {
  readonly configFile: string;
  /** More options, as on its command line. */
  readonly flags?: readonly string[];
  readonly grpcPort?: number;
  readonly healthPort?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunningEpp {
  readonly name: string;
  readonly grpcPort: number;
  readonly healthPort: number;
  readonly metricsPort: number;
  readonly program: ChildProgram;
  stop(): Promise<number>;
}

/** Starts an Endpoint Picker and waits until it serves. @throws Error with its last words when it does not */
export async function startEpp(epp: EppProgram, options: EppOptions): Promise<RunningEpp> {
  const [freeGrpcPort, freeHealthPort, metricsPort] = await freePorts(3);
  const { grpcPort = freeGrpcPort!, healthPort = freeHealthPort! } = options;
  const ports = ["--grpc-port", grpcPort, "--grpc-health-port", healthPort, "--metrics-port", metricsPort!].map(String);
  const basics = ["--config-file", options.configFile, "--secure-serving=false", "--pool-name", "pool"];
  const args = [...epp.args, ...basics, ...ports, ...(options.flags ?? [])];
  const program = new ChildProgram(epp.command, args, options.env === undefined ? {} : { env: options.env });
  try {
    await program.until("serving", () => serving(healthPort, grpcPort), READY_WITHIN_MS);
  } catch (error) {
    await program.stop("SIGKILL");
    throw error;
  }
  return {
    name: epp.name,
    grpcPort,
    healthPort,
    metricsPort: metricsPort!,
    program,
    stop: () => program.stop(),
  };
}

/** Its health may say so before the other port is open: a certificate takes a while to make. */
async function serving(healthPort: number, grpcPort: number): Promise<true | undefined> {
  if ((await healthStatus(healthPort, EXT_PROC)) !== SERVING) return undefined;
  return new Promise((resolve) => {
    const socket = connect(grpcPort, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(undefined));
  });
}

/**
 * Ports that nobody listens on now, below those that the system gives to outgoing connections: one of these could take a
 * port between our look and its use.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = LOWEST_PORT + Math.floor(Math.random() * PORTS);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}
