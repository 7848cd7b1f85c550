// `npm run soak:epp`: half an hour of requests through a real Envoy and two Endpoint Pickers of which one after the other is
// drained and replaced, while endpoints come and go. Nothing may be lost, no request may go to an endpoint that is gone,
// and memory must stay flat. `--minutes N`, `--rate N` requests a second, `--bundle FILE` runs a built command.

import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { EnvoyUnavailable, envoyBinary } from "../../src/demo/envoy-binary.ts";
import { ourEpp, type RunningEpp } from "../support/epp-program.ts";
import { exitOnSignals } from "../support/exit-on-signals.ts";
import { httpLoad, quantile } from "../support/http-load.ts";
import { eventually, Loopback } from "../support/loopback.ts";
import { EndpointChurn } from "./endpoint-churn.ts";
import { MemoryWatch } from "./memory-watch.ts";

exitOnSignals();

const SERVERS = 12;
const CONNECTIONS = 64;
const CHURN_MS = 3000;
const REPLACEMENTS = 2;
const DRAIN = ["--drain-timeout", "3s"];

const { values: options } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    rate: { type: "string", default: "500" },
    bundle: { type: "string" },
  },
});
const endAt = performance.now() + Number(options.minutes) * 60_000;
const isOver = (): boolean => performance.now() >= endAt;

let binary: string;
try {
  binary = await envoyBinary((line) => process.stderr.write(`${line}\n`));
} catch (error) {
  if (!(error instanceof EnvoyUnavailable)) throw error;
  process.stderr.write(`soak: skipped, ${error.message}\n`);
  process.exit(0);
}

const loopback = await Loopback.start(SERVERS);
try {
  const epps: RunningEpp[] = [];
  for (let index = 0; index < 2; index++) epps.push(await loopback.epp(ourEpp(options.bundle), { flags: DRAIN }));
  const addresses = epps.map(({ grpcPort, healthPort }) => ({ port: grpcPort, healthPort }));
  const gateway = await loopback.envoy({ binary, epps: addresses });
  await eventually("Envoy knows of both Endpoint Pickers", async () => {
    const stats = await gateway.stats("cluster.ext_proc.membership_healthy");
    return stats.get("cluster.ext_proc.membership_healthy") === 2;
  });

  const churn = new EndpointChurn(loopback);
  const memory = new MemoryWatch();
  const background = [
    every(CHURN_MS, () => churn.step()),
    every(1000, () => {
      for (const epp of epps) memory.sample(epp.program.pid);
    }),
    replaceInTurn(epps),
  ];
  const shared = "shared prefix ".repeat(200);
  const result = await httpLoad({
    url: gateway.url,
    connections: CONNECTIONS,
    requestsPerSecond: Number(options.rate),
    until: isOver,
    body: (index) =>
      JSON.stringify({ model: "m", prompt: `${shared}${index % 5000}`, max_tokens: 4, stream: index % 2 === 0 }),
  });
  await Promise.all(background);

  const [p50, p99] = [quantile(result.latenciesMs, 0.5), quantile(result.latenciesMs, 0.99)];
  const lost = result.requests - (result.statuses.get(200) ?? 0);
  const growth = memory.growthFraction();
  process.stdout.write(
    [
      `requests         ${result.requests} (${(result.requests / result.seconds).toFixed(0)}/s, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms)`,
      `lost             ${lost}`,
      ...result.failures.map((failure) => `                 ${failure}`),
      `endpoint changes ${churn.steps}`,
      `to a gone one    ${churn.strays()}`,
      `replaced         ${REPLACEMENTS} Endpoint Pickers`,
      `memory           ${memory.summary()}`,
    ].join("\n"),
  );
  process.stdout.write("\n");
  // The heap is collected when it pays, so the mean wanders; a leak at this rate would show as much more.
  if (lost > 0 || churn.strays() > 0 || growth > 0.25) process.exitCode = 1;
} finally {
  await loopback.stop();
}

async function every(ms: number, work: () => unknown): Promise<void> {
  while (!isOver()) {
    await work();
    await sleep(Math.min(ms, Math.max(0, endAt - performance.now())));
  }
}

/** Drains one after the other, at a third and at two thirds of the time, and starts another on its ports. */
async function replaceInTurn(epps: RunningEpp[]): Promise<void> {
  const third = (endAt - performance.now()) / (REPLACEMENTS + 1);
  for (let turn = 0; turn < REPLACEMENTS; turn++) {
    await sleep(third * 0.9);
    const old = epps[turn]!;
    const code = await old.program.stop("SIGTERM", 30_000);
    if (code !== 0) throw new Error(`a drained Endpoint Picker ended with ${code}: ${old.program.output.slice(-500)}`);
    const { grpcPort, healthPort } = old;
    epps[turn] = await loopback.epp(ourEpp(options.bundle), { flags: DRAIN, grpcPort, healthPort });
    process.stderr.write(`replaced Endpoint Picker ${turn + 1}\n`);
  }
}
