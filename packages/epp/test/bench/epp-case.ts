import { join } from "node:path";
import { ChildProgram } from "../../src/demo/child-program.ts";
import { startEnvoy } from "../../src/demo/envoy.ts";
import { envoyBinary } from "../../src/demo/envoy-binary.ts";
import { type ConfigOverFile, configOverFile } from "../support/config-over-file.ts";
import { EppFiles, type EppProgram, startEpp } from "../support/epp-program.ts";
import { metricsPage, sampleOf } from "../support/metrics-page.ts";
import { processUsage } from "../support/process-usage.ts";
import { type LoadFigures, load } from "./wrk.ts";

/** One load on one Endpoint Picker. */
export interface BenchCase {
  readonly endpoints: number;
  readonly promptBytes: number;
  readonly connections: number;
  readonly seconds: number;
}

export interface BenchFigures extends LoadFigures {
  /** Of the Endpoint Picker, over the time of the load. */
  readonly cpuMsPerRequest: number;
  readonly residentBytes: number;
  /** Mean of the router's decisions, as the Endpoint Picker's own metric has it. */
  readonly decisionUs: number;
}

const WARM_UP_SECONDS = 4;
/** The routing of llm-d's guide without Kubernetes. */
const SCORERS = [
  ["queue-scorer", 2],
  ["kv-cache-utilization-scorer", 2],
  ["prefix-cache-scorer", 3],
  ["no-hit-lru-scorer", 2],
] as const;
const ROUTING: ConfigOverFile = {
  plugins: SCORERS.map(([type]) => ({ type })),
  schedulingProfiles: [{ name: "default", plugins: SCORERS.map(([pluginRef, weight]) => ({ pluginRef, weight })) }],
};

/** Runs Envoy, the Endpoint Picker and the model servers on this machine, and loads them. */
export async function benchEpp(epp: EppProgram, spec: BenchCase): Promise<BenchFigures> {
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const backends = new ChildProgram(process.execPath, [
      "--conditions=windtunnel-source",
      join(import.meta.dirname, "backends.ts"),
      String(spec.endpoints),
    ]);
    stops.push(() => backends.stop("SIGKILL"));
    const addresses = await backends.until("listening", async () => addressesOf(backends.output));
    const files = await EppFiles.create();
    stops.push(() => files.remove());
    await files.writeEndpoints(addresses.map((address, index) => ({ name: `vllm-${index}`, address })));
    const running = await startEpp(epp, {
      configFile: await files.writeConfig(configOverFile(files.endpointsFile, ROUTING)),
    });
    stops.push(() => running.program.stop("SIGKILL"));
    const envoy = await startEnvoy({ binary: await envoyBinary(), eppPort: running.grpcPort });
    stops.push(() => envoy.stop());
    const { connections, seconds, promptBytes } = spec;
    const run = { url: envoy.url, connections, promptBytes, directory: files.directory };
    await load({ ...run, seconds: WARM_UP_SECONDS });
    const decisionsBefore = await decisions(running.metricsPort);
    const before = processUsage(running.program.pid);
    const figures = await load({ ...run, seconds });
    const after = processUsage(running.program.pid);
    const decided = await decisions(running.metricsPort);
    const cpuMsPerRequest = ((after.cpuSeconds - before.cpuSeconds) * 1000) / figures.requests;
    const decisionUs = ((decided.seconds - decisionsBefore.seconds) * 1e6) / (decided.count - decisionsBefore.count);
    return { ...figures, cpuMsPerRequest, residentBytes: after.residentBytes, decisionUs };
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

/** Time that the router has spent, and on how many decisions. */
async function decisions(metricsPort: number): Promise<{ seconds: number; count: number }> {
  const page = await metricsPage(metricsPort);
  const value = (suffix: string): number => sampleOf(page, `llm_d_epp_scheduler_e2e_duration_seconds_${suffix}`);
  return { seconds: value("sum"), count: value("count") };
}

function addressesOf(output: string): string[] | undefined {
  const line = output.split("\n").find((text) => text.startsWith("["));
  return line === undefined ? undefined : (JSON.parse(line) as string[]);
}
