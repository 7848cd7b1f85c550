import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import type { Log } from "../../../src/host/log.ts";
import { type MetricsServerOptions, startMetricsServer } from "../../../src/operations/metrics-server.ts";
import { selfSignedCertificate } from "../../../src/wire/self-signed.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).toReversed()) await each();
});

/** Makes certificates of clients; a machine may lack it. */
const OPENSSL = "openssl";
const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

async function serve(options: Partial<MetricsServerOptions> = {}) {
  const page = async () => "up 1\n";
  const server = await startMetricsServer({ host: "127.0.0.1", port: 0, page, log: silent, ...options });
  undo.push(() => server.close());
  return server;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

function get(port: number, options: RequestOptions & { readonly tls?: boolean } = {}): Promise<Answer> {
  const send = options.tls === true ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send({ host: "127.0.0.1", port, path: "/metrics", agent: false, ...options }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    request.on("error", reject);
    request.end();
  });
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "windtunnel-metrics-"));
  undo.push(() => rmSync(path, { recursive: true }));
  return path;
}

function certificates(path: string): string {
  const { key, cert } = selfSignedCertificate({ name: "localhost", nowMs: Date.now(), validDays: 30 });
  writeFileSync(join(path, "tls.key"), key);
  writeFileSync(join(path, "tls.crt"), cert);
  return cert;
}

describe("plain HTTP", () => {
  test("the page, and health", async () => {
    const { port } = await serve();
    const answer = await get(port);
    expect([answer.status, answer.body.toString()]).toEqual([200, "up 1\n"]);
    expect(answer.headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect((await get(port, { path: "/metrics?x=1" })).status).toBe(200);
    expect((await get(port, { path: "/healthz" })).status).toBe(200);
    expect((await get(port, { path: "/debug" })).status).toBe(404);
    expect((await get(port, { method: "POST" })).status).toBe(405);
    const head = await get(port, { method: "HEAD" });
    expect([head.status, head.headers["content-length"], head.body.length]).toEqual([200, "5", 0]);
  });

  test("compressed for who takes it", async () => {
    const { port } = await serve();
    const answer = await get(port, { headers: { "accept-encoding": "deflate, gzip;q=0.5" } });
    expect(answer.headers["content-encoding"]).toBe("gzip");
    expect(gunzipSync(answer.body).toString()).toBe("up 1\n");
  });

  test("scrapers that come at once share a page", async () => {
    let pages = 0;
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const page = async () => {
      pages++;
      await released;
      return "up 1\n";
    };
    const { port } = await serve({ page });
    const answers = Promise.all([get(port), get(port), get(port)]);
    while (pages === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await get(port, { path: "/healthz" });
    release();
    expect((await answers).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(pages).toBe(1);
    expect((await get(port)).status).toBe(200);
    expect(pages).toBe(2);
  });

  test("a page that fails is a 500, and the next one works", async () => {
    let fails = true;
    const { port } = await serve({ page: async () => (fails ? Promise.reject(new Error("x")) : "up 1\n") });
    expect((await get(port)).status).toBe(500);
    fails = false;
    expect((await get(port)).status).toBe(200);
  });
});

describe("authorization", () => {
  const authorize = async (token: string, path: string) => {
    if (token === "broken") throw new Error("no answer");
    return token === "reader" && path === "/metrics" ? "allowed" : token === "stranger" ? "unknown" : "forbidden";
  };

  test.each([
    [undefined, 401],
    ["Basic cmVhZGVy", 401],
    ["Bearer stranger", 401],
    ["Bearer other", 403],
    ["Bearer broken", 500],
    ["Bearer reader", 200],
    ["bearer reader", 200],
  ])("%s gets %i", async (authorization, status) => {
    const { port } = await serve({ authorize });
    const answer = await get(port, authorization === undefined ? {} : { headers: { authorization } });
    expect(answer.status).toBe(status);
    expect(answer.body.includes("up 1")).toBe(status === 200);
    if (status === 401) expect(answer.headers["www-authenticate"]).toContain("Bearer");
  });

  test("health needs none", async () => {
    const { port } = await serve({ authorize });
    expect((await get(port, { path: "/healthz" })).status).toBe(200);
  });
});

describe("TLS", () => {
  test("with the folder's certificate, and not without TLS", async () => {
    const certFolder = folder();
    const ca = certificates(certFolder);
    const { port } = await serve({ certFolder });
    expect((await get(port, { tls: true, ca, servername: "localhost" })).status).toBe(200);
    await expect(get(port)).rejects.toThrow();
  });

  test.skipIf(!hasOpenssl())("of scrapers with a certificate of the authority only (needs openssl)", async () => {
    const certFolder = folder();
    const ca = certificates(certFolder);
    const clientCaFile = join(certFolder, "client.crt");
    const keyFile = join(certFolder, "client.key");
    const subject = ["-subj", "/CN=scraper", "-addext", "extendedKeyUsage=clientAuth", "-days", "2"];
    const key = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    execFileSync(OPENSSL, [...key, ...subject, "-keyout", keyFile, "-out", clientCaFile], { stdio: "ignore" });
    const { port } = await serve({ certFolder, clientCaFile });
    const tls = { tls: true, ca, servername: "localhost" };
    const client = { key: readFileSync(keyFile), cert: readFileSync(clientCaFile) };
    expect((await get(port, { ...tls, ...client })).status).toBe(200);
    await expect(get(port, tls)).rejects.toThrow();
    const stranger = selfSignedCertificate({ name: "stranger", nowMs: Date.now(), validDays: 30 });
    await expect(get(port, { ...tls, ...stranger })).rejects.toThrow();
  });

  test("an authority needs certificates, and one that is there", async () => {
    await expect(serve({ clientCaFile: "/x" })).rejects.toThrow("--metrics-client-ca-file needs --metrics-cert-dir");
    const certFolder = folder();
    await expect(serve({ certFolder })).rejects.toThrow("tls.crt: cannot be read (ENOENT)");
    certificates(certFolder);
    await expect(serve({ certFolder, clientCaFile: "/nowhere" })).rejects.toThrow("/nowhere: cannot be read (ENOENT)");
  });
});

function hasOpenssl(): boolean {
  try {
    execFileSync(OPENSSL, ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
