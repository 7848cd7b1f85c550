import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { generateSynthetic, simulate, syntheticSchema } from "@windtunnel/sim-core";
import { fleet } from "./fleets.ts";

const RATE = 119;
const POD_COUNT = 8;

/** Wall seconds of one BLIS run on the like-for-like workload; `fastest` = without snapshots of its caches. */
function blisSeconds(program: string, data: string, requests: number, fastest: boolean): number {
  const started = performance.now();
  const options =
    `run --model meta-llama/llama-3.1-8b-instruct --hardware H100 --tp 1 --latency-model roofline ` +
    `--num-instances ${POD_COUNT} --rate ${RATE} --num-requests ${requests} --prompt-tokens 1000 --prompt-tokens-stdev 300 ` +
    `--output-tokens 250 --output-tokens-stdev 100 --routing-policy least-loaded${fastest ? " --cache-signal-delay 0" : ""}`;
  const done = spawnSync(program, options.split(" "), { cwd: data, stdio: "ignore", timeout: 400_000 });
  if (done.status !== 0) throw new Error(`BLIS ended with ${done.status ?? done.error}`);
  return (performance.now() - started) / 1000;
}

/** Nanoseconds a request of BLIS: the difference of 20,000 and 200 requests, so that its start does not count. */
export function blisNsPerRequest(program: string, fastest: boolean): number {
  const data = process.env.WINDTUNNEL_BLIS_DATA ?? join(dirname(program), "blis-data");
  const many = blisSeconds(program, data, 20_000, fastest);
  return ((many - blisSeconds(program, data, 200, fastest)) / 19_800) * 1e9;
}

/** Ours on the same rate, means and deviations, with least-connections, a million requests. */
export function oursNsPerRequest(requests = 1_000_000): number {
  const workload = generateSynthetic(
    syntheticSchema.parse({
      arrivals: { process: "poisson", rate: RATE },
      count: requests,
      promptTokens: { distribution: "normal", mean: 1000, stdev: 300 },
      outputTokens: { distribution: "normal", mean: 250, stdev: 100 },
    }),
    1,
  );
  const input = fleet(POD_COUNT, "least-connections", workload, { enablePrefixCaching: false });
  const started = performance.now();
  simulate(input);
  return ((performance.now() - started) / requests) * 1e6;
}
