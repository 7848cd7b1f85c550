import { Agent, request } from "node:http";

export interface HttpLoadOptions {
  readonly url: string;
  readonly connections: number;
  /** Ends after so many requests, or when `until` says so. */
  readonly requests?: number;
  readonly until?: () => boolean;
  readonly body: (index: number) => string | Buffer;
  /** Requests a second at most; as fast as answers come without it. */
  readonly requestsPerSecond?: number;
}

export interface HttpLoadResult {
  readonly requests: number;
  /** Answers by status; 0 = no answer. */
  readonly statuses: ReadonlyMap<number, number>;
  /** What the first failures said. */
  readonly failures: readonly string[];
  readonly seconds: number;
  /** Of every request, in milliseconds, ascending. */
  readonly latenciesMs: Float64Array;
}

const KEPT_FAILURES = 5;

/** Sends completions over kept connections and counts what comes back. */
export async function httpLoad(options: HttpLoadOptions): Promise<HttpLoadResult> {
  const { url, connections, requests = Number.POSITIVE_INFINITY, until = () => false, requestsPerSecond } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const statuses = new Map<number, number>();
  const failures: string[] = [];
  const latencies: number[] = [];
  const started = performance.now();
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < requests && !until()) {
      const index = next++;
      if (requestsPerSecond !== undefined) await sleepUntil(started + (index * 1000) / requestsPerSecond);
      const sent = performance.now();
      const { status, text } = await post(agent, url, options.body(index));
      latencies.push(performance.now() - sent);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status !== 200 && failures.length < KEPT_FAILURES) failures.push(`request ${index}: ${status} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: connections }, client));
  agent.destroy();
  const seconds = (performance.now() - started) / 1000;
  return { requests: next, statuses, failures, seconds, latenciesMs: Float64Array.from(latencies).sort() };
}

/** The value below which the fraction lies. */
export function quantile(ascending: Float64Array, fraction: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor(fraction * ascending.length))] ?? Number.NaN;
}

function sleepUntil(at: number): Promise<void> | undefined {
  const ms = at - performance.now();
  return ms <= 1 ? undefined : new Promise((resolve) => setTimeout(resolve, ms));
}

function post(agent: Agent, url: string, body: string | Buffer): Promise<{ status: number; text: string }> {
  return new Promise((resolve) => {
    const failed = (error: Error): void => resolve({ status: 0, text: error.message });
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const sent = request(`${url}/v1/completions`, { method: "POST", agent, headers }, (answer) => {
      let text = "";
      answer.on("data", (chunk: Buffer) => {
        if (answer.statusCode !== 200) text += chunk.toString();
      });
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text: text.slice(0, 200) }));
      answer.on("error", failed);
    });
    sent.on("error", failed);
    sent.end(body);
  });
}
