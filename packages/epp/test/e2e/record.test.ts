import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isHeader, readRecording } from "../../src/record/read-recording.ts";
import type { RecordingHeader } from "../../src/record/recording-line.ts";
import { configOverFile } from "../support/config-over-file.ts";
import { type ServingEpp, servingEpp, windtunnelProcess } from "../support/epp-process.ts";
import { type HttpLoadResult, httpLoad } from "../support/http-load.ts";
import { envoyOrSkip, Loopback } from "../support/loopback.ts";
import { metricsPage, sampleOf } from "../support/metrics-page.ts";

const REQUESTS = 2000;
const CONVERSATIONS = 60;
const ENDPOINTS = 5;
const SCORERS = [
  ["queue-scorer", 2],
  ["kv-cache-utilization-scorer", 2],
  ["prefix-cache-scorer", 3],
] as const;
const SCENARIO = `apiVersion: windtunnel.dev/v1alpha1
kind: Scenario
metadata:
  name: recorded
spec:
  model: llama-3.1-8b-instruct
  pools:
    - name: pods
      accelerator: h100-sxm-80gb
      replicas: 4
  router:
    preset: optimized-baseline
  workload:
    trace: { path: replaced.jsonl, format: mooncake }
`;

const envoy = await envoyOrSkip();
const title = "skip" in envoy ? `a recording through Envoy (skipped: ${envoy.skip})` : "a recording through Envoy";
const binary = "binary" in envoy ? envoy.binary : "";

describe.skipIf("skip" in envoy)(title, () => {
  let loopback: Loopback;
  let epp: ServingEpp;
  let folder = "";
  let load: HttpLoadResult;
  let metrics = "";

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "windtunnel-recorded-"));
    loopback = await Loopback.start(ENDPOINTS, { msPerToken: 1 });
    for (const [index, fake] of loopback.fakes.entries()) fake.setGauges({ waiting: index });
    writeFileSync(join(folder, "live.yaml"), configuration(loopback.files.endpointsFile, "max-score-picker"));
    writeFileSync(
      join(folder, "candidate.yaml"),
      configuration(loopback.files.endpointsFile, "weighted-random-picker"),
    );
    const shadow = ["--shadow-config", join(folder, "candidate.yaml")];
    const files = ["--config-file", join(folder, "live.yaml"), "--record", join(folder, "recording")];
    epp = await servingEpp(["--secure-serving=false", "--drain-timeout", "200ms", ...files, ...shadow]);
    const gateway = await loopback.envoy({ binary, eppPort: epp.grpcPort });
    const churn = startChurn(loopback);
    load = await httpLoad({ url: gateway.url, connections: 16, requests: REQUESTS, body: turn });
    await churn.end();
    metrics = await metricsPage(epp.metricsPort);
    expect(await epp.program.stop()).toBe(0);
  }, 120_000);
  afterAll(async () => {
    await epp?.program.stop("SIGKILL");
    await loopback?.stop();
    if (folder !== "") rmSync(folder, { recursive: true, force: true });
  });

  const recording = () => join(folder, "recording");

  it("loses no request while endpoints come and go", () => {
    expect(load.failures).toEqual([]);
    expect([...load.statuses]).toEqual([[200, REQUESTS]]);
  });

  it("has the configuration's text, and nothing that is made of it", async () => {
    const file = join(folder, "live.yaml");
    const configuration = { file, text: readFileSync(file, "utf8"), strict: false, allowExperimentalPlugins: false };
    const headers: RecordingHeader[] = [];
    for await (const { value } of readRecording(recording())) if (isHeader(value)) headers.push(value);
    expect(headers.map((header) => header.configuration)).toEqual(headers.map(() => configuration));
    expect(headers.length).toBeGreaterThan(0);
  });

  it("decides every request again as it was decided", async () => {
    const { code, output } = await ended(["replay-decisions", recording(), "-o", "json"]);
    const report = JSON.parse(output);
    expect(report).toMatchObject({ requests: REQUESTS, equal: REQUESTS, completeEqual: REQUESTS, incomplete: [] });
    expect(code).toBe(0);
  });

  it("shows what another configuration would have done", async () => {
    const candidate = ["--config", join(folder, "candidate.yaml")];
    const { code, output } = await ended(["replay-decisions", recording(), ...candidate, "-o", "json"]);
    expect(code).toBe(0);
    const report = JSON.parse(output);
    expect(report.requests).toBe(REQUESTS);
    const shares = report.shares as { recorded: number; candidate: number }[];
    const total = (choice: "recorded" | "candidate") => shares.reduce((sum, share) => sum + share[choice], 0);
    expect([total("recorded"), total("candidate")]).toEqual([REQUESTS, REQUESTS]);
    // Conversations stay with their servers under the one, and are strewn under the other.
    expect(report.prefixTokens.recordedChoice).toBeGreaterThan(0);
    expect(report.examples.length).toBeGreaterThan(0);
  });

  it("is a trace that the simulator runs", async () => {
    const scenario = join(folder, "scenario.yaml");
    writeFileSync(scenario, SCENARIO);
    const info = await ended(["trace", "info", recording(), "-o", "json"]);
    expect(JSON.parse(info.output)).toMatchObject({ format: "windtunnel-recording", rows: REQUESTS });
    const out = join(folder, "run");
    const { code, output } = await ended(["run", scenario, "--trace", recording(), "--quiet", "--out", out]);
    expect(code, output).toBe(0);
    const summary = readFileSync(join(out, "summary.json"), "utf8");
    expect(summary).toContain(`"total": ${REQUESTS}`);
  });

  it("was watched by a candidate that touched nothing", () => {
    const counted = (outcome: string) =>
      sampleOf(metrics, "windtunnel_epp_shadow_decisions_total", `outcome="${outcome}"`);
    expect(counted("agree") + counted("differ")).toBe(REQUESTS);
    expect(counted("differ")).toBeGreaterThan(0);
    expect(metrics).toContain("windtunnel_epp_shadow_errors_total 0");
  });
});

/** A turn of a conversation: what was said before, and a little more. */
function turn(index: number): string {
  const conversation = index % CONVERSATIONS;
  const before = `conversation ${conversation}: ${"as was said before, ".repeat(40 + 4 * Math.floor(index / CONVERSATIONS))}`;
  return JSON.stringify({ model: "m", prompt: `${before}and now ${index}`, max_tokens: 1 + (index % 4) });
}

function configuration(endpointsFile: string, picker: string): string {
  const weighted = SCORERS.map(([pluginRef, weight]) => ({ pluginRef, weight }));
  return configOverFile(endpointsFile, {
    plugins: [...SCORERS.map(([type]) => ({ type })), { type: picker }],
    schedulingProfiles: [{ name: "default", plugins: [...weighted, { pluginRef: picker }] }],
  });
}

/** Takes one endpoint out of the file and puts it back, then the next, until it is told to end. */
function startChurn(loopback: Loopback): { end(): Promise<void> } {
  let over = false;
  const going = (async () => {
    for (let next = 0; !over; next++) {
      const out = loopback.fakes[next % ENDPOINTS];
      await loopback.announce(loopback.fakes.filter((fake) => fake !== out));
      await sleep(150);
      await loopback.announce();
      await sleep(150);
    }
  })();
  return {
    async end() {
      over = true;
      await going;
    },
  };
}

async function ended(args: readonly string[]): Promise<{ code: number; output: string }> {
  const program = windtunnelProcess(args);
  return { code: await program.exited, output: program.output };
}
