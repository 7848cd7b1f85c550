import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { configPage, decisionPage, decisionsPage, endpointsPage, indexPage } from "./debug-html.ts";
import { type DebugSources, decisionHead, decisionsView, endpointsView } from "./debug-pages.ts";
import { withoutSecrets } from "./withhold.ts";

export interface DebugServer {
  readonly port: number;
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 16;
const REQUEST_WITHIN_MS = 10_000;
const NOT_CACHED = { "cache-control": "no-store", "x-content-type-options": "nosniff" };
/** No script, nothing from elsewhere. */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/** An answer in both forms; the one that is asked for is made. */
interface Page {
  json(): unknown;
  html(): string;
}

/** Serves the debug pages on loopback, and to nobody whose browser was led here under another name. */
export async function startDebugServer(sources: DebugSources, port: number): Promise<DebugServer> {
  const server = createServer((request, response) => {
    request.resume();
    try {
      answer(request, response, sources);
    } catch {
      send(response, 500, "text/plain", "the page failed\n");
    }
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.requestTimeout = REQUEST_WITHIN_MS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answer(request: IncomingMessage, response: ServerResponse, sources: DebugSources): void {
  if (!isLocal(request)) {
    send(response, 403, "text/plain", "debug pages are for localhost, 127.0.0.1 or [::1]\n");
    return;
  }
  if (request.method !== "GET" && request.method !== "HEAD") {
    send(response, 405, "text/plain", "only GET and HEAD\n");
    return;
  }
  const [path = "/", query = ""] = (request.url ?? "/").split("?", 2);
  const found = pageAt(path, new URLSearchParams(query), sources);
  if (found === undefined) {
    send(response, 404, "text/plain", "not here; /debug says what is\n");
    return;
  }
  if (/\btext\/html\b/.test(String(request.headers.accept ?? ""))) send(response, 200, "text/html", found.html());
  else send(response, 200, "application/json", `${JSON.stringify(found.json(), null, 2)}\n`);
}

/** A page elsewhere can make a browser ask here: under a name of its own (DNS rebinding), or as a cross-site request. */
function isLocal({ headers }: IncomingMessage): boolean {
  const host = /^(.*?)(?::\d+)?$/.exec(headers.host ?? "")?.[1] ?? "";
  const site = headers["sec-fetch-site"];
  const sameSite = site === undefined || site === "none" || site === "same-origin";
  return ["localhost", "127.0.0.1", "[::1]"].includes(host) && sameSite;
}

function pageAt(path: string, query: URLSearchParams, sources: DebugSources): Page | undefined {
  const { config, flags, decisions, clock } = sources;
  const one = /^\/debug\/decisions\/(.+)$/.exec(path)?.[1];
  if (one !== undefined) {
    const decision = decisions.decisionOf(decoded(one));
    if (decision === undefined) return undefined;
    const nowUs = clock.nowUs();
    return {
      json: () => ({ ...decisionHead(decision, nowUs), record: decision.record }),
      html: () => decisionPage(decision, nowUs),
    };
  }
  switch (path) {
    case "/":
    case "/debug":
    case "/debug/":
      return {
        json: () => ({
          pages: ["/debug/config", "/debug/endpoints", "/debug/decisions", "/debug/decisions/REQUEST-ID"],
        }),
        html: () => indexPage(sources),
      };
    case "/debug/config":
      return { json: () => withoutSecrets({ flags, config }), html: () => configPage(sources) };
    case "/debug/endpoints":
      return { json: () => endpointsView(sources), html: () => endpointsPage(sources) };
    case "/debug/decisions":
      if (query.get("explain") === "next") decisions.explainNext();
      return { json: () => decisionsView(sources), html: () => decisionsPage(sources) };
    default:
      return undefined;
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  const headers = { ...NOT_CACHED, "content-type": `${type}; charset=utf-8`, "content-security-policy": POLICY };
  response.writeHead(status, { ...headers, "content-length": Buffer.byteLength(text) });
  response.end(response.req.method === "HEAD" ? undefined : text);
}
