import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { selfSignedCertificate } from "../../src/wire/self-signed.ts";
import { callHeaders, RawPeer, rstStream } from "../contract/wire/raw-http2.ts";
import { EnvoyClient } from "../support/envoy-client.ts";
import { type ServingEpp, servingEpp, windtunnelProcess } from "../support/epp-process.ts";
import { freePorts } from "../support/epp-program.ts";
import { healthStatus } from "../support/health-client.ts";
import { eventually } from "../support/loopback.ts";
import { metricsPage, sampleOf } from "../support/metrics-page.ts";

const EXT_PROC = "envoy.service.ext_proc.v3.ExternalProcessor";
const HEALTH = { serving: 1, notServing: 2, serviceUnknown: 3 } as const;
const RESOURCE_EXHAUSTED = 8;
const NGHTTP2_CANCEL = 8;
/** Nobody listens there: what is tried here does not depend on metrics. */
const ENDPOINTS = ["--endpoint", "a=127.0.0.1:9", "--endpoint", "b=127.0.0.2:9,zone=z"];
const PLAIN = ["--secure-serving=false", ...ENDPOINTS];
const RANDOM_PICKS = `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins: [{ type: random-picker }]
schedulingProfiles: [{ name: default, plugins: [{ pluginRef: random-picker }] }]
`;
const SECRET = "the-secret-of-the-prompt";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).toReversed()) await each();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "windtunnel-program-"));
  undo.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function file(name: string, text: string): string {
  const path = join(folder(), name);
  writeFileSync(path, text);
  return path;
}

const serving = (flags: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<ServingEpp> =>
  servingEpp(flags, env, (program) => undo.push(() => program.stop("SIGKILL")));

function gatewayOf({ grpcPort }: ServingEpp): EnvoyClient {
  const client = new EnvoyClient(`127.0.0.1:${grpcPort}`);
  undo.push(() => client.close());
  return client;
}

/** As a model server says what a request took. */
const ANSWER = { chunks: ['{"usage":{"prompt_tokens":4,"completion_tokens":3,"total_tokens":7}}'] };

const request = (prompt = "x") => ({ body: { model: "m", prompt } });

/** Where so many requests go, each answered before the next. */
async function picks(gateway: EnvoyClient, count: number): Promise<string[]> {
  const destinations: string[] = [];
  for (let index = 0; index < count; index++) {
    const { routing, stream } = await gateway.route(request(`request ${index}`));
    destinations.push(routing.destination ?? JSON.stringify(routing));
    await stream.respond(ANSWER);
  }
  return destinations;
}

/** Runs a command to its end. */
async function ended(args: readonly string[]): Promise<{ code: number; output: string }> {
  const program = windtunnelProcess(args);
  undo.push(() => program.stop("SIGKILL"));
  return { code: await program.exited, output: program.output };
}

describe("windtunnel epp as a process", () => {
  it("serves every --endpoint, metrics without Kubernetes to everyone, and logs requests without content", async () => {
    const epp = await serving([...PLAIN, "--health-checking", "-v=4", "--zap-encoder", "json"]);
    const gateway = gatewayOf(epp);
    const { routing, stream } = await gateway.route(request(SECRET));
    expect(["127.0.0.1:9", "127.0.0.2:9"]).toContain(routing.destination);
    // Tracing is on by default, and quiet where the environment names no exporter.
    expect(routing.setHeaders.traceparent).toBeUndefined();
    await stream.respond();
    const page = await fetch(`http://127.0.0.1:${epp.metricsPort}/metrics`);
    expect(page.status).toBe(200);
    const metrics = await page.text();
    expect(metrics).toContain('llm_d_epp_ready_endpoints{name=""} 2');
    expect(metrics).toMatch(/llm_d_epp_request_total\{[^}]*model_name="m"[^}]*\} 1/);
    expect(await healthStatus(epp.healthPort, EXT_PROC)).toBe(HEALTH.serving);
    expect(await healthStatus(epp.grpcPort, EXT_PROC)).toBe(HEALTH.serving);
    await eventually("the access log", () => epp.log().some(({ msg }) => msg === "request"));
    const line = epp.log().find(({ msg }) => msg === "request")!;
    expect(line).toMatchObject({ level: "debug", model: "m", status: 200, end: "completed", promptTokens: 6 });
    expect(epp.log()).toContainEqual(expect.objectContaining({ msg: "--zap-encoder has no effect here" }));
    expect(epp.program.output).not.toContain(SECRET);
    expect(epp.program.output).not.toContain("withheldFields");
  });

  it("answers no health on the ext_proc port, and logs no request, unless it is told to", async () => {
    const epp = await serving(PLAIN);
    await expect(healthStatus(epp.grpcPort, EXT_PROC)).rejects.toThrow(/UNIMPLEMENTED/);
    await picks(gatewayOf(epp), 2);
    expect(epp.log().map(({ msg }) => msg)).toEqual(["serving"]);
  });

  it("refuses bodies above --max-request-body-size with 413, messages above --grpc-max-recv-msg-size with the stream", async () => {
    const epp = await serving([...PLAIN, "--max-request-body-size", "10Ki", "--grpc-max-recv-msg-size", "4Ki"]);
    const gateway = gatewayOf(epp);
    const pieces = Array.from({ length: 12 }, () => 1024);
    const tooLong = await gateway.route({ ...request("x".repeat(11_000)), chunkBytes: pieces });
    expect(tooLong.routing.immediate?.status).toBe(413);
    const fits = await gateway.route({ ...request("x".repeat(9_000)), chunkBytes: pieces });
    expect(fits.routing.destination).toBeDefined();
    await fits.stream.respond();
    const tooLongAtOnce = await gateway.route(request("x".repeat(5_000)));
    expect(tooLongAtOnce.routing.failed?.code).toBe(RESOURCE_EXHAUSTED);
    expect(await picks(gateway, 1)).toHaveLength(1);
  });

  it("closes a connection above --max-resets-per-second, and serves the next", async () => {
    const epp = await serving([...PLAIN, "--max-resets-per-second", "20"]);
    const flood = new RawPeer(epp.grpcPort);
    flood.start();
    for (let index = 0; index < 30; index++) {
      const stream = 2 * index + 1;
      flood.send(callHeaders(stream, `/${EXT_PROC}/Process`), rstStream(stream, NGHTTP2_CANCEL));
    }
    await flood.closed;
    expect(await picks(gatewayOf(epp), 1)).toHaveLength(1);
  });

  it("chooses alike with the same --seed", async () => {
    const endpoints = Array.from({ length: 8 }, (_, index) => [
      "--endpoint",
      `e${index}=127.0.1.${index + 1}:9`,
    ]).flat();
    const flags = ["--secure-serving=false", "--config-text", RANDOM_PICKS, ...endpoints];
    const [first, second, other] = await Promise.all(
      ["one", "one", "two"].map(async (seed) => picks(gatewayOf(await serving([...flags, "--seed", seed])), 40)),
    );
    expect(second).toEqual(first);
    expect(other).not.toEqual(first);
    expect(new Set(first).size).toBeGreaterThan(4);
  });

  it("takes certificates from --cert-path and follows them with --enable-cert-reload", async () => {
    const certificates = folder();
    const write = (name: string) => {
      const { cert, key } = selfSignedCertificate({ name, nowMs: Date.now(), validDays: 1 });
      writeFileSync(join(certificates, "tls.key"), key);
      writeFileSync(join(certificates, "tls.crt"), cert);
    };
    write("first.example");
    const epp = await serving([...ENDPOINTS, "--cert-path", certificates, "--enable-cert-reload"]);
    expect(await nameInCertificate(epp.grpcPort)).toBe("first.example");
    write("second.example");
    await eventually("the new certificate", async () => (await nameInCertificate(epp.grpcPort)) === "second.example");
    expect(epp.log()).toContainEqual(expect.objectContaining({ msg: "took over new certificates" }));
  });

  it("serves on for --drain-timeout after SIGTERM while it says that it is not ready, then ends with 0", async () => {
    const epp = await serving([...PLAIN, "--drain-timeout", "1500ms"]);
    const gateway = gatewayOf(epp);
    const open = await gateway.route(request());
    epp.program.signal("SIGTERM");
    await eventually("not ready", async () => (await healthStatus(epp.healthPort, EXT_PROC)) === HEALTH.notServing);
    expect(await picks(gateway, 2)).toHaveLength(2);
    await open.stream.respond();
    expect(await epp.program.exited).toBe(0);
    expect(epp.log().at(-1)).toMatchObject({ msg: "stopped", abandoned: 0 });
  });

  it("ends with 1 where a request is given up, and with 130 at a second signal", async () => {
    const slow = await serving([...PLAIN, "--drain-timeout", "200ms"]);
    await gatewayOf(slow).route(request());
    slow.program.signal("SIGTERM");
    expect(await slow.program.exited).toBe(1);
    expect(slow.log().at(-1)).toMatchObject({ msg: "stopped", abandoned: 1 });
    const long = await serving([...PLAIN, "--drain-timeout", "30s"]);
    long.program.signal("SIGTERM");
    await eventually("draining", () => long.log().some(({ msg }) => msg === "draining"));
    // Well before the 30 seconds, else the test is over.
    long.program.signal("SIGINT");
    expect(await long.program.exited).toBe(130);
  }, 25_000);

  it.runIf(process.platform === "linux")("shares its ports with a successor under --reuse-port", async () => {
    const [grpcPort, healthPort] = (await freePorts(2)).map(String) as [string, string];
    const shared = [...PLAIN, "--reuse-port", "--drain-timeout", "300ms"];
    const flags = [...shared, "--grpc-port", grpcPort, "--grpc-health-port", healthPort];
    const first = await serving(flags);
    const second = await serving(flags);
    first.program.signal("SIGTERM");
    expect(await first.program.exited).toBe(0);
    expect(await picks(gatewayOf(second), 3)).toHaveLength(3);
    const alone = await ended(["epp", ...PLAIN, "--grpc-port", grpcPort, "--metrics-port", "0", "--debug-port", "0"]);
    expect(alone).toEqual({ code: 2, output: `--grpc-port ${grpcPort} on 127.0.0.1: another program listens there\n` });
  });

  it("lets the candidate of --shadow-config decide on every request, as its metrics say", async () => {
    const candidate = file("candidate.yaml", RANDOM_PICKS);
    const epp = await serving([...PLAIN, "--shadow-config", candidate]);
    await picks(gatewayOf(epp), 20);
    const page = await metricsPage(epp.metricsPort);
    const counted = (outcome: string) =>
      sampleOf(page, "windtunnel_epp_shadow_decisions_total", `outcome="${outcome}"`);
    expect(counted("agree") + counted("differ")).toBe(20);
    expect(page).toContain("windtunnel_epp_shadow_enabled 1");
  });

  it("records with --record what replay-decisions decides again, and trace info reads", async () => {
    const directory = join(folder(), "recording");
    const epp = await serving([...PLAIN, "--record", directory, "--drain-timeout", "0s"]);
    await picks(gatewayOf(epp), 30);
    expect(await epp.program.stop()).toBe(0);
    const replay = await ended(["replay-decisions", directory, "-o", "json"]);
    expect(replay.code).toBe(0);
    expect(JSON.parse(replay.output)).toMatchObject({ requests: 30, equal: 30, completeEqual: 30 });
    const info = await ended(["trace", "info", directory, "-o", "json"]);
    expect(info.code).toBe(0);
    expect(JSON.parse(info.output)).toMatchObject({ format: "windtunnel-recording", rows: 30 });
  });

  it.each([
    [
      ["--tokenizer-file", "/nowhere/tokenizer.json"],
      "--tokenizer-file /nowhere/tokenizer.json: cannot be read (ENOENT)",
    ],
    [["--shadow-config", "/nowhere.yaml"], "--shadow-config /nowhere.yaml: cannot be read (ENOENT)"],
    [["--cert-path", "/nowhere"], "/nowhere/tls.crt: cannot be read (ENOENT)"],
    [["--endpoint", "a=127.0.0.3:9"], 'the name "a" comes twice'],
    [
      ["--record-max-size", "1Ki", "--record", "x"],
      "--record-max-size: 1024 bytes are too few, allowed: 65536 and more",
    ],
    [["--ha-enable-leader-election"], "--ha-enable-leader-election needs endpoints from Kubernetes"],
    [["--bind-address", "192.0.2.1"], "--metrics-port 0 on 192.0.2.1: this machine has no such address"],
  ])("%j ends at once with 2 and one line", async (flags, message) => {
    const ports = ["--grpc-port", "0", "--grpc-health-port", "0", "--metrics-port", "0", "--debug-port", "0"];
    const { code, output } = await ended(["epp", ...ports, ...ENDPOINTS, ...flags]);
    expect(output).toContain(message);
    expect(output.trimEnd().split("\n")).toHaveLength(1);
    expect(code).toBe(2);
  });

  it("explains each flag that has an effect, and names those that have none", async () => {
    const { code, output } = await ended(["epp", "--help"]);
    expect(code).toBe(0);
    for (const flag of ["--pool-name", "--endpoint", "--record", "--v", "--zap-encoder"])
      expect(output).toContain(flag);
    for (const line of output.split("\n")) expect(line.length, line).toBeLessThanOrEqual(160);
  });
});

function nameInCertificate(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port, host: "127.0.0.1", ALPNProtocols: ["h2"], rejectUnauthorized: false });
    socket.once("secureConnect", () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.once("error", reject);
  });
}
