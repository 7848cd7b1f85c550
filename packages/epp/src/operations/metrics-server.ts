import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Log } from "../host/log.ts";
import { loadCertificates, TlsError } from "../wire/tls.ts";
import { watchCertificates } from "../wire/watch-certificates.ts";

/** Whether who shows a token may read a path: yes, is not known (401), is known and may not (403). */
export type ScraperVerdict = "allowed" | "unknown" | "forbidden";

export interface MetricsServerOptions {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  readonly page: () => Promise<string>;
  readonly log: Log;
  /** Folder of tls.crt and tls.key: TLS, and later certificates are followed. */
  readonly certFolder?: string;
  /** PEM file: scrapers must show a certificate of this authority. Needs `certFolder`. */
  readonly clientCaFile?: string;
  /** Asked before every page with the bearer token; without it everyone may read. Should remember its verdicts. */
  readonly authorize?: (token: string, path: string) => Promise<ScraperVerdict>;
}

export interface MetricsServer {
  readonly port: number;
  close(): Promise<void>;
}

const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";
const MAX_CONNECTIONS = 64;
const REQUEST_WITHIN_MS = 10_000;
const REALM = 'Bearer realm="metrics"';
const compress = promisify(gzip);

/**
 * Serves `/metrics`, and `/healthz` to everyone.
 *
 * @throws TlsError for certificates that cannot be used
 */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const { certFolder, clientCaFile, host, port } = options;
  const listener = listenerOf(options);
  let server: Server | TlsServer;
  let unwatch = (): void => {};
  if (certFolder === undefined) {
    if (clientCaFile !== undefined) throw new TlsError("--metrics-client-ca-file needs --metrics-cert-dir");
    server = createServer(listener);
  } else {
    const authority = clientCaFile === undefined ? {} : clientAuthority(clientCaFile);
    const secure = createTlsServer({ ...loadCertificates(certFolder), ...authority, minVersion: "TLSv1.2" }, listener);
    const took = (pair: { readonly key: string; readonly cert: string }): void => {
      secure.setSecureContext({ ...pair, ...authority, minVersion: "TLSv1.2" });
      options.log.info({ folder: certFolder }, "the metrics port took over new certificates");
    };
    unwatch = watchCertificates(certFolder, took, (error) =>
      options.log.error({ folder: certFolder, error: error.message }, "the metrics port keeps its certificates"),
    );
    server = secure;
  }
  server.maxConnections = MAX_CONNECTIONS;
  server.requestTimeout = REQUEST_WITHIN_MS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      unwatch();
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

function clientAuthority(file: string): { readonly ca: string; readonly requestCert: true } {
  try {
    return { ca: readFileSync(file, "utf8"), requestCert: true };
  } catch (error) {
    const { code = "unknown" } = error as NodeJS.ErrnoException;
    throw new TlsError(`--metrics-client-ca-file ${file}: cannot be read (${code})`);
  }
}

function listenerOf(options: MetricsServerOptions): RequestListener {
  const shared = sharedPage(options.page);
  return (request, response) => {
    request.resume();
    answer(request, response, options, shared).catch((error: unknown) => {
      options.log.error({ error: String(error) }, "a metrics page failed");
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end();
    });
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { authorize }: MetricsServerOptions,
  page: () => Promise<string>,
): Promise<void> {
  const path = (request.url ?? "/").split("?", 1)[0]!;
  const plain = (status: number, text: string, headers: Record<string, string> = {}): void => {
    response.writeHead(status, { "content-type": "text/plain; charset=utf-8", ...headers }).end(`${text}\n`);
  };
  if (request.method !== "GET" && request.method !== "HEAD") {
    plain(405, "only GET and HEAD", { allow: "GET, HEAD" });
    return;
  }
  if (path === "/healthz") {
    plain(200, "ok");
    return;
  }
  if (path !== "/metrics") {
    plain(404, "here are /metrics and /healthz");
    return;
  }
  const verdict = authorize === undefined ? "allowed" : await verdictOf(request, path, authorize);
  if (verdict === "unknown") plain(401, "a token that Kubernetes knows is needed", { "www-authenticate": REALM });
  else if (verdict === "forbidden") plain(403, "this token may not get /metrics");
  else await sendPage(request, response, await page());
}

async function verdictOf(
  request: IncomingMessage,
  path: string,
  authorize: NonNullable<MetricsServerOptions["authorize"]>,
): Promise<ScraperVerdict> {
  const token = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
  return token === undefined ? "unknown" : authorize(token, path);
}

async function sendPage(request: IncomingMessage, response: ServerResponse, text: string): Promise<void> {
  const zipped = /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
  const body = zipped ? await compress(text, { level: 1 }) : Buffer.from(text);
  response.writeHead(200, {
    "content-type": CONTENT_TYPE,
    "content-length": body.length,
    vary: "accept-encoding",
    ...(zipped ? { "content-encoding": "gzip" } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

/** Scrapers that come while a page is put together get that page. */
function sharedPage(page: () => Promise<string>): () => Promise<string> {
  let pending: Promise<string> | undefined;
  return () => {
    pending ??= page().finally(() => {
      pending = undefined;
    });
    return pending;
  };
}
