import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ChildProgram } from "../../src/demo/child-program.ts";
import type { RunningEnvoy } from "../../src/demo/envoy.ts";
import { configOverFile } from "../support/config-over-file.ts";
import { EppFiles, freePorts, type RunningEpp, startEpp } from "../support/epp-program.ts";
import { INFERENCE_SIM_SKIP } from "../support/inference-sim.ts";
import { envoyOrSkip, eppUnderTest, Loopback } from "../support/loopback.ts";
import { metricsPage } from "../support/metrics-page.ts";

const MODEL = "org/model";
const PREFILL_HOST = "127.0.4.2";
const DECODE_HOST = "127.0.4.3";
const sidecarProgram = process.env.WINDTUNNEL_PD_SIDECAR;
const simProgram = process.env.WINDTUNNEL_LLMD_SIM;
const envoy = await envoyOrSkip();
const missing = [
  ...("skip" in envoy ? [envoy.skip] : []),
  ...(simProgram === undefined ? [INFERENCE_SIM_SKIP] : []),
  ...(sidecarProgram === undefined
    ? [
        "WINDTUNNEL_PD_SIDECAR does not name llm-d-pd-sidecar (go install github.com/llm-d/llm-d-router/cmd/pd-sidecar@latest)",
      ]
    : []),
];
const title = "Envoy, our Endpoint Picker, llm-d's sidecar and its model servers";

/** Prompts of 200 tokens and more prefill elsewhere. */
const PLUGINS = [
  { type: "disagg-profile-handler", parameters: { deciders: { prefill: "prefix-based-pd-decider" } } },
  { type: "prefix-based-pd-decider", parameters: { nonCachedTokens: 200 } },
  { type: "decode-filter" },
  { type: "prefill-filter" },
  { type: "queue-scorer" },
];

describe.skipIf(missing.length > 0)(missing.length > 0 ? `${title} (skipped: ${missing.join("; ")})` : title, () => {
  const programs: ChildProgram[] = [];
  let loopback: Loopback;
  let files: EppFiles;
  let epp: RunningEpp;
  let gateway: RunningEnvoy;
  let prefill = "";
  let decode = "";

  async function answering(command: string, args: readonly string[], url: string, podIp: string): Promise<void> {
    const program = new ChildProgram(command, args, { env: { POD_IP: podIp } });
    programs.push(program);
    await program.until("answering", async () => ((await fetch(url)).ok ? true : undefined));
  }

  beforeAll(async () => {
    const [prefillPort, decodePort, sidecarPort] = await freePorts(3);
    prefill = `${PREFILL_HOST}:${prefillPort}`;
    decode = `${DECODE_HOST}:${decodePort}`;
    const sidecar = `${DECODE_HOST}:${sidecarPort}`;
    const sim = (port: number) => [
      "--model",
      MODEL,
      "--port",
      String(port),
      "--force-dummy-tokenizer",
      "--mode",
      "echo",
    ];
    await Promise.all([
      answering(simProgram!, sim(prefillPort!), `http://${prefill}/health`, PREFILL_HOST),
      answering(simProgram!, sim(decodePort!), `http://${decode}/health`, DECODE_HOST),
    ]);
    const ports = ["--port", String(sidecarPort), "--model-server-port", String(decodePort)];
    const health = `http://${sidecar}/health`;
    await answering(sidecarProgram!, [...ports, "--secure-proxy=false"], health, DECODE_HOST);
    files = await EppFiles.create();
    await files.writeEndpoints([
      { name: "prefill", address: prefill, labels: { "llm-d.ai/role": "prefill" } },
      { name: "decode", address: sidecar, labels: { "llm-d.ai/role": "decode" } },
    ]);
    const configFile = await files.writeConfig(
      configOverFile(files.endpointsFile, {
        plugins: PLUGINS,
        schedulingProfiles: ["decode", "prefill"].map((name) => ({
          name,
          plugins: [{ pluginRef: `${name}-filter` }, { pluginRef: "queue-scorer" }],
        })),
      }),
    );
    loopback = await Loopback.start(0);
    const program = eppUnderTest();
    // Another Endpoint Picker on this machine may have the port of its debug pages.
    epp = await startEpp(program, { configFile, flags: program.name === "go" ? [] : ["--debug-port", "0"] });
    gateway = await loopback.envoy({ binary: "binary" in envoy ? envoy.binary : "", eppPort: epp.grpcPort });
  }, 90_000);
  afterAll(async () => {
    await loopback?.stop();
    await epp?.program.stop("SIGKILL");
    for (const program of programs) await program.stop("SIGKILL");
    await files?.remove();
  });

  /** Requests that each model server has answered. */
  async function served(): Promise<{ prefill: number; decode: number }> {
    const count = async (address: string): Promise<number> => {
      const page = await metricsPage(address);
      const lines = page.split("\n").filter((line) => line.startsWith("vllm:request_success_total"));
      return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
    };
    return { prefill: await count(prefill), decode: await count(decode) };
  }

  async function ask(prompt: string, headers: Record<string, string> = {}) {
    const before = await served();
    const answer = await fetch(`${gateway.url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ model: MODEL, prompt, max_tokens: 5 }),
    });
    const body = (await answer.json()) as { choices?: unknown[] };
    const after = await served();
    const legs = { prefill: after.prefill - before.prefill, decode: after.decode - before.decode };
    return { status: answer.status, choices: body.choices?.length, legs };
  }

  it("prefills a long prompt on the prefill server, then decodes it", async () => {
    const long = "a long prompt of its own ".repeat(40);
    expect(await ask(long)).toEqual({ status: 200, choices: 1, legs: { prefill: 1, decode: 1 } });
  });
  it("leaves a short prompt to the decode server", async () => {
    expect(await ask("short")).toEqual({ status: 200, choices: 1, legs: { prefill: 0, decode: 1 } });
  });
  it("does not let a client name a prefill server", async () => {
    const forged = { "x-prefiller-host-port": prefill };
    expect(await ask("short again", forged)).toEqual({ status: 200, choices: 1, legs: { prefill: 0, decode: 1 } });
  });
});
