import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadEndpointPickerConfig, NEVER_SCRAPED_US, PolicyError, Router } from "@windtunnel/router-policies";
import { afterEach, beforeAll, expect, it, vi } from "vitest";
import { monotonicClock } from "../../../src/host/clock.ts";
import { LiveRouter } from "../../../src/host/live-router.ts";
import { MetricsScraper, type MetricsScraperOptions } from "../../../src/signals/metrics-scraper.ts";
import { metricsSources } from "../../../src/signals/metrics-source.ts";
import { type Answer, chunked, gauges, response, startTarget, type Target } from "./scrape-targets.ts";

const config = (parameters = "{}") =>
  loadEndpointPickerConfig(
    `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: queue-scorer
- type: metrics-data-source
  parameters: ${parameters}
- type: core-metrics-extractor
dataLayer:
  sources: [{pluginRef: metrics-data-source, extractors: [{pluginRef: core-metrics-extractor}]}]
`,
    { file: "epp.yaml" },
  );

const targets: Target[] = [];
const scrapers: MetricsScraper[] = [];

afterEach(async () => {
  for (const scraper of scrapers.splice(0)) scraper.stop();
  for (const target of targets.splice(0)) await target.close();
});

async function target(answer: Answer, tls?: Parameters<typeof startTarget>[1]): Promise<Target> {
  const started = await startTarget(answer, tls);
  targets.push(started);
  return started;
}

function scrape(addresses: readonly string[], parameters?: string, options: Partial<MetricsScraperOptions> = {}) {
  const loaded = config(parameters);
  const router = new Router(loaded, { random: () => ({ next: () => 0 }) as never });
  const live = new LiveRouter(router, { clock: monotonicClock, explain: () => false });
  live.setEndpoints(addresses.map((address, i) => ({ name: `pod-${i}`, namespace: "default", address, labels: {} })));
  const scraper = new MetricsScraper(live, metricsSources(loaded)[0]!, { clock: monotonicClock, ...options });
  scrapers.push(scraper);
  scraper.start();
  return { live, scraper, waiting: (i = 0) => live.endpoints[i]!.metrics.waitingQueueSize };
}

const soon = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 });

it("keeps one connection and asks again and again", async () => {
  let waiting = 0;
  const server = await target((socket) => socket.write(response(gauges(++waiting))));
  const { live, scraper, waiting: seen } = scrape([server.address], "{path: /own}");
  expect(live.endpoints[0]!.metrics.updatedAtUs).toBe(NEVER_SCRAPED_US);
  await soon(() => expect(seen()).toBeGreaterThan(3));
  expect(server.connections).toBe(1);
  expect(server.requests[0]).toMatch(/^GET \/own HTTP\/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\n/);
  expect(live.endpoints[0]!.metrics.updatedAtUs).toBeGreaterThan(0);
  expect(scraper.states()[0]).toMatchObject({ engine: "vllm", failures: 0, lastFailure: undefined });
});

const PAGE = gauges(41, "# HELP x y\n".repeat(3000));

it.each<[string, Answer]>([
  ["chunks", (socket) => socket.write(chunked(PAGE.slice(0, 7), PAGE.slice(7, 20_000), PAGE.slice(20_000)))],
  ["no length, the connection ended", (socket) => socket.end(`HTTP/1.0 200 OK\r\n\r\n${PAGE}`)],
  ["connection: close", (socket) => socket.end(response(PAGE, "Connection: close\r\n"))],
  ["more than one read takes", (socket) => socket.write(response(gauges(41, "# HELP x y\n".repeat(100_000))))],
  ["more chunks than one read takes", (socket) => socket.write(chunked("# HELP x y\n".repeat(50_000), PAGE))],
  ["bytes in pieces", (socket) => dribble(socket, response(PAGE))],
  ["chunks in pieces", (socket) => dribble(socket, chunked(PAGE.slice(0, 9), PAGE.slice(9)))],
  ["an interim status that is refused, then a page", refuseFirst()],
])("reads a page that comes as %s", async (_, answer) => {
  const server = await target(answer);
  const { waiting } = scrape([server.address]);
  await soon(() => expect(waiting()).toBe(41));
});

function refuseFirst(): Answer {
  let first = true;
  return (socket) => {
    socket.write(first ? "HTTP/1.1 100 Continue\r\n\r\n" : response(PAGE));
    first = false;
  };
}

function dribble(socket: Parameters<Answer>[0], text: string): void {
  const pieces = [text.slice(0, 5), text.slice(5, 40), text.slice(40, 90), text.slice(90, -3), text.slice(-3)];
  const next = (): void => {
    const piece = pieces.shift();
    if (piece === undefined) return;
    socket.write(piece, () => setTimeout(next, 1));
  };
  next();
}

it.each<[string, string, Answer]>([
  ["no HTTP", "malformed", (socket) => socket.write("SSH-2.0-OpenSSH_9.2\r\n\r\n")],
  ["binary bytes", "malformed", (socket) => socket.write(Buffer.alloc(40_000, 0x81))],
  ["an error status", "status", (socket) => socket.write("HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno")],
  ["a negative length", "malformed", (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n")],
  ["a huge length", "too-large", (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")],
  [
    "a huge chunk",
    "too-large",
    (socket) => socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n"),
  ],
  [
    "a broken chunk",
    "malformed",
    (socket) => socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc"),
  ],
  ["an endless body", "too-large", (socket) => socket.write(`HTTP/1.1 200 OK\r\n\r\n${"x".repeat(200_000)}`)],
  [
    "endless tiny chunks",
    "too-large",
    (socket) => socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${"1\r\nx\r\n".repeat(30_000)}`),
  ],
  ["compressed bytes", "malformed", (socket) => socket.write(response("x", "Content-Encoding: gzip\r\n"))],
  ["a connection that ends", "closed", (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")],
  ["nothing", "timeout", () => {}],
])("survives %s", async (_, kind, answer) => {
  const bad = await target(answer);
  const good = await target((socket) => socket.write(response(gauges(8))));
  const { scraper, waiting } = scrape([bad.address, good.address], "{}", { maxPageBytes: 100_000, timeoutUs: 150_000 });
  await soon(() => {
    expect(scraper.states()[0]!.failures).toBeGreaterThan(1);
    expect(waiting(1)).toBe(8);
  });
  expect(scraper.states()[0]!.lastFailure?.kind).toBe(kind);
  expect(scraper.states()[0]!.scrapes).toBe(0);
  expect(waiting(0)).toBe(0);
  expect(scraper.states()[1]!.failures).toBe(0);
});

it("does not let a dead or silent target delay another", async () => {
  const dead = await startTarget(() => {});
  await dead.close();
  const silent = await target(() => {});
  const good = await target((socket) => socket.write(response(gauges(1))));
  const { scraper } = scrape([dead.address, silent.address, good.address], "{}", { timeoutUs: 10_000_000 });
  await soon(() => expect(scraper.states()[2]!.scrapes).toBeGreaterThan(10));
  const [refused, waits] = scraper.states();
  expect(waits).toMatchObject({ scrapes: 0, failures: 0 });
  expect(refused!.lastFailure?.kind).toBe("connect");
  // Backed off: fewer attempts than the target that answers had.
  expect(refused!.failures).toBeLessThan(10);
  expect(silent.requests.length).toBe(1);
});

it("comes back to a target that comes back", async () => {
  const first = await startTarget((socket) => socket.write(response(gauges(1))));
  const { waiting, scraper } = scrape([first.address]);
  await soon(() => expect(waiting()).toBe(1));
  await first.close();
  await soon(() => expect(scraper.counters.failures.connect).toBeGreaterThan(0));
  const port = Number(first.address.split(":")[1]);
  const { createServer } = await import("node:http");
  const again = createServer((_, answer) => answer.end(gauges(2))).listen(port, "127.0.0.1");
  try {
    await soon(() => expect(waiting()).toBe(2));
  } finally {
    again.closeAllConnections();
    again.close();
  }
});

it("drops what answers twice, and asks anew", async () => {
  const server = await target((socket) => socket.write(response(gauges(5)) + response(gauges(6))));
  const { waiting, scraper } = scrape([server.address]);
  await soon(() => expect(scraper.counters.scrapes).toBeGreaterThan(2));
  expect(waiting()).toBe(5);
  expect(server.connections).toBeGreaterThan(2);
});

it("writes nothing of an endpoint that is gone", async () => {
  const server = await target((socket) => setTimeout(() => socket.write(response(gauges(3))), 20));
  const { live, scraper } = scrape([server.address]);
  await soon(() => expect(server.requests.length).toBe(1));
  const endpoint = live.endpoints[0]!;
  live.setEndpoints([]);
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(endpoint.metrics.updatedAtUs).toBe(NEVER_SCRAPED_US);
  expect(scraper.states()).toEqual([]);
});

it("asks another port where the configuration says so", async () => {
  const server = await target((socket) => socket.write(response(gauges(4))));
  const { waiting } = scrape(["127.0.0.1:1"], `{port: ${server.address.split(":")[1]}}`);
  await soon(() => expect(waiting()).toBe(4));
});

it("spreads its turns over the interval", async () => {
  const at: number[] = [];
  const answer: Answer = (socket) => {
    at.push(performance.now());
    socket.write(response(gauges(1)));
  };
  const servers = await Promise.all(Array.from({ length: 8 }, () => target(answer)));
  const { scraper } = scrape(
    servers.map(({ address }) => address),
    "{interval: 800ms}",
  );
  await soon(() => expect(scraper.counters.scrapes).toBe(8));
  expect(at.at(-1)! - at[0]!).toBeGreaterThan(200);
});

const folder = mkdtempSync(join(tmpdir(), "windtunnel-scrape-"));
const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
let tlsMade = true;
beforeAll(() => {
  try {
    for (const name of ["server", "client"]) {
      openssl(
        ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=x".split(" "),
        ..."-addext subjectAltName=IP:127.0.0.1".split(" "),
        ...["-keyout", `${name}.key`, "-out", `${name}.crt`],
      );
    }
  } catch {
    tlsMade = false;
  }
  return () => rmSync(folder, { recursive: true });
});
const pem = (name: string) => readFileSync(join(folder, name));

it("scrapes over TLS: unverified by default, verified by a CA, with a client certificate", async (test) => {
  if (!tlsMade) test.skip("openssl is not installed");
  const server = { key: pem("server.key"), cert: pem("server.crt") };
  const page: Answer = (socket) => socket.write(response(PAGE));
  const plain = await target(page, server);
  const mutual = await target(page, { ...server, ca: pem("client.crt"), requestCert: true, rejectUnauthorized: true });
  const unverified = scrape([plain.address], "{scheme: https}");
  const verified = scrape(
    [mutual.address],
    `{scheme: https, insecureSkipVerify: false, caCertPath: ${folder}/server.crt, clientCertPath: ${folder}/client.crt, clientKeyPath: ${folder}/client.key}`,
  );
  const refused = scrape([plain.address], "{scheme: https, insecureSkipVerify: false}");
  await soon(() => {
    expect(unverified.waiting()).toBe(41);
    expect(verified.waiting()).toBe(41);
    expect(refused.scraper.counters.failures.connect).toBeGreaterThan(0);
  });
  expect(refused.scraper.states()[0]!.lastFailure?.detail).toMatch(/self-signed/);
});

it("says which certificate cannot be read", () => {
  expect(() => scrape([], "{scheme: https, insecureSkipVerify: false, caCertPath: /nowhere}")).toThrow(PolicyError);
  expect(() => scrape([], "{scheme: https, insecureSkipVerify: false, caCertPath: /nowhere}")).toThrow(
    /metrics-data-source: caCertPath \/nowhere: ENOENT/,
  );
});
