import { existsSync } from "node:fs";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { homedir } from "node:os";
import { join } from "node:path";
import type { KubeConfig } from "@kubernetes/client-node";
import { PoolError } from "../pool-source.ts";

/** The API server answered with an error. */
export class KubeStatusError extends Error {
  override readonly name = "KubeStatusError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(`HTTP ${status}: ${message.replace(/\s*[\r\n]+\s*/g, " ").slice(0, 500)}`);
    this.status = status;
  }
}

/** What discovery asks of the Kubernetes API: reading, and no more. */
export interface KubeReader {
  /** The namespace that the credentials point at. */
  readonly namespace: string | undefined;
  /** @throws KubeStatusError, or what the connection throws. */
  get(path: string, query: URLSearchParams, signal: AbortSignal): Promise<unknown>;
  /** Lines of a watch as they come; ends when the server ends it. @throws KubeStatusError, or what the connection throws. */
  watch(path: string, query: URLSearchParams, signal: AbortSignal): AsyncIterable<unknown>;
}

/** What leader election and the review of scrapers ask for besides. */
export interface KubeClient extends KubeReader {
  /** @throws KubeStatusError, or what the connection throws. */
  send(method: "POST" | "PUT", path: string, body: object, signal: AbortSignal): Promise<unknown>;
}

const SERVICE_ACCOUNT_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token";
/** How long an answer may keep silent; a watch that was answered may be silent for its whole life. */
const RESPONSE_TIMEOUT_MS = 30_000;
/** Finds a peer that vanished without a word. */
const KEEP_ALIVE_MS = 30_000;
/** Longest answer and longest line of a watch: a page of 500 pods is a few megabytes. */
const MAX_TEXT_LENGTH = 256 * 1024 * 1024;

/**
 * Connects as `KUBECONFIG` says, else as a pod's service account, else as `~/.kube/config` says.
 *
 * @throws PoolError when there is none of them, or it cannot be used.
 */
export async function connectKubernetes(): Promise<KubeClient> {
  // Loaded here only: without Kubernetes its 79 MB may be absent.
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  const inPod = process.env.KUBERNETES_SERVICE_HOST !== undefined && existsSync(SERVICE_ACCOUNT_TOKEN);
  try {
    if (!process.env.KUBECONFIG && inPod) config.loadFromCluster();
    else if (process.env.KUBECONFIG || existsSync(join(homedir(), ".kube", "config"))) config.loadFromDefault();
    else throw new Error("no KUBECONFIG, no service account, no ~/.kube/config");
    if (!config.getCurrentCluster()?.server) throw new Error("the current context has no cluster");
  } catch (error) {
    throw new PoolError(`Kubernetes: ${oneLine(error)}`);
  }
  return new HttpKubeClient(config);
}

/** One connection a request: few requests are made, and those that matter are watches. */
class HttpKubeClient implements KubeClient {
  readonly #config: KubeConfig;
  readonly #server: URL;

  constructor(config: KubeConfig) {
    this.#config = config;
    this.#server = new URL(config.getCurrentCluster()!.server);
  }

  get namespace(): string | undefined {
    return this.#config.getContextObject(this.#config.getCurrentContext())?.namespace?.trim() || undefined;
  }

  async get(path: string, query: URLSearchParams, signal: AbortSignal): Promise<unknown> {
    return JSON.parse(await textOf(await this.#request("GET", path, query, signal)));
  }

  async send(method: "POST" | "PUT", path: string, body: object, signal: AbortSignal): Promise<unknown> {
    return JSON.parse(await textOf(await this.#request(method, path, new URLSearchParams(), signal, body)));
  }

  async *watch(path: string, query: URLSearchParams, signal: AbortSignal): AsyncIterable<unknown> {
    const response = await this.#request("GET", path, new URLSearchParams([...query, ["watch", "true"]]), signal);
    response.setEncoding("utf8");
    let rest = "";
    for await (const chunk of response as AsyncIterable<string>) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      if (rest.length > MAX_TEXT_LENGTH)
        throw new Error(`${path}: a line of the watch is longer than ${MAX_TEXT_LENGTH}`);
      for (const line of lines) if (line !== "") yield JSON.parse(line);
    }
  }

  async #request(
    method: string,
    path: string,
    query: URLSearchParams,
    signal: AbortSignal,
    body?: object,
  ): Promise<IncomingMessage> {
    const headers = { accept: "application/json", ...(body && { "content-type": "application/json" }) };
    const options: RequestOptions = { method, headers };
    await this.#config.applyToHTTPSOptions(options);
    const target = new URL(`${this.#server.pathname.replace(/\/$/, "")}${path}?${query}`, this.#server);
    const send = target.protocol === "http:" ? httpRequest : httpsRequest;
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = send(target, { ...options, signal }, (answer) => {
        clearTimeout(silence);
        resolve(answer);
      });
      const silence = setTimeout(
        () => request.destroy(new Error(`no answer within ${RESPONSE_TIMEOUT_MS} ms`)),
        RESPONSE_TIMEOUT_MS,
      );
      request.on("socket", (socket) => socket.setKeepAlive(true, KEEP_ALIVE_MS));
      request.on("error", (error) => {
        clearTimeout(silence);
        reject(error);
      });
      request.end(body && JSON.stringify(body));
    });
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    throw new KubeStatusError(status, messageOf(await textOf(response)));
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  response.setEncoding("utf8");
  response.setTimeout(RESPONSE_TIMEOUT_MS, () => response.destroy(new Error("the answer stopped half-way")));
  const parts: string[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<string>) {
    parts.push(chunk);
    length += chunk.length;
    if (length > MAX_TEXT_LENGTH) throw new Error(`an answer is longer than ${MAX_TEXT_LENGTH}`);
  }
  return parts.join("");
}

/** The message of a Kubernetes `Status`, else the text. */
function messageOf(text: string): string {
  try {
    return String((JSON.parse(text) as { message?: unknown }).message ?? text);
  } catch {
    return text;
  }
}

/** What went wrong, as part of a line. */
export function oneLine(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return (message || code || String(error)).replace(/\s*[\r\n]+\s*/g, " ").slice(0, 500);
}
