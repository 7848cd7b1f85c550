import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ChildProgram } from "./child-program.ts";
import { type EnvoyConfigOptions, type EppAddress, envoyConfig } from "./envoy-config.ts";

export interface EnvoyOptions extends Partial<EnvoyConfigOptions> {
  /** Port of the only Endpoint Picker, where `epps` does not name several. */
  readonly eppPort?: number;
  /** Path of the binary. */
  readonly binary: string;
  /** Worker threads. */
  readonly concurrency?: number;
}

/** A gateway on loopback. */
export interface RunningEnvoy {
  readonly port: number;
  readonly url: string;
  readonly adminPort: number;
  readonly pid: number;
  /** The end of what it wrote. */
  readonly output: string;
  /** Counters and gauges of its admin page whose names match. */
  stats(filter: string): Promise<ReadonlyMap<string, number>>;
  stop(): Promise<void>;
}

/**
 * Starts Envoy before an Endpoint Picker and waits until it takes requests.
 *
 * @throws Error with its last words when it does not start
 */
export async function startEnvoy(options: EnvoyOptions): Promise<RunningEnvoy> {
  const directory = await mkdtemp(join(tmpdir(), "windtunnel-envoy-"));
  const configFile = join(directory, "envoy.yaml");
  const adminFile = join(directory, "admin");
  const epps: readonly EppAddress[] = options.eppPort === undefined ? [] : [{ port: options.eppPort }];
  const config = envoyConfig({
    epps,
    listenerPort: 0,
    adminPort: 0,
    failureModeAllow: false,
    eppTls: false,
    ...options,
  });
  await writeFile(configFile, config);
  const args = ["-c", configFile, "--concurrency", String(options.concurrency ?? 2), "--log-level", "warn"];
  // Without a base id of its own, a second Envoy on the machine would not start.
  args.push("--use-dynamic-base-id", "--admin-address-path", adminFile);
  const program = new ChildProgram(options.binary, args);
  const stop = async (): Promise<void> => {
    await program.stop("SIGTERM", 3000);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const { port, adminPort } = await program.until("ready", () => ready(adminFile));
    return {
      port,
      url: `http://127.0.0.1:${port}`,
      adminPort,
      pid: program.pid,
      get output() {
        return program.output;
      },
      stats: (filter) => stats(adminPort, filter),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function ready(adminFile: string): Promise<{ port: number; adminPort: number } | undefined> {
  const adminPort = Number((await readFile(adminFile, "utf8")).split(":").at(-1));
  const answer = await fetch(`http://127.0.0.1:${adminPort}/ready`);
  await answer.text();
  if (answer.status !== 200) return undefined;
  const listeners = await fetch(`http://127.0.0.1:${adminPort}/listeners?format=json`);
  const known = (await listeners.json()) as ListenerStatuses;
  const port = known.listener_statuses?.[0]?.local_address?.socket_address?.port_value;
  return port === undefined ? undefined : { port, adminPort };
}

interface ListenerStatuses {
  readonly listener_statuses?: readonly {
    readonly local_address?: { readonly socket_address?: { readonly port_value?: number } };
  }[];
}

async function stats(adminPort: number, filter: string): Promise<ReadonlyMap<string, number>> {
  const answer = await fetch(`http://127.0.0.1:${adminPort}/stats?filter=${encodeURIComponent(filter)}`);
  const rows = (await answer.text()).split("\n").map((line) => line.split(": "));
  return new Map(rows.filter((row) => row.length === 2).map(([name, value]) => [name!, Number(value)]));
}
