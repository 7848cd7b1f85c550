import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { type HostEndpoint, type LoraAdapters, PolicyError } from "@windtunnel/router-policies";
import type { Clock } from "../host/clock.ts";
import type { EndpointListener, LiveRouter } from "../host/live-router.ts";
import type { Log } from "../host/log.ts";
import type { EngineMapping } from "./engine-mapping.ts";
import { EngineMetrics, type EngineState, newEngineState } from "./engine-metrics.ts";
import type { ScrapeFailure } from "./http-page.ts";
import type { MetricsSource } from "./metrics-source.ts";
import { ScrapeClient, type ScrapeTransport, scrapeReadBuffer } from "./scrape-client.ts";

/** Model servers are asked no more often than this, as upstream. */
const INTERVAL_FLOOR_US = 50_000;
/** An endpoint that refuses connections is still tried this often. */
const SLOWEST_RETRY_US = 1_000_000;
/** Failures in a row before one is worth a line in the log. */
const FAILURES_TO_TELL = 10;
const TICK_US = 5_000;
const MOST_TICKS = 20;

export interface MetricsScraperOptions {
  readonly clock: Clock;
  readonly log?: Log;
  /** `--refresh-metrics-interval`; below 50 ms it is 50 ms. */
  readonly refreshIntervalUs?: number;
  /** What a page may take from request to last byte; 1 s unless given. */
  readonly timeoutUs?: number;
  /** Largest page; 8 MiB unless given. */
  readonly maxPageBytes?: number;
}

/** What scraping one endpoint has come to. */
export interface ScrapeState {
  readonly endpoint: HostEndpoint;
  readonly engine: string;
  readonly scrapes: number;
  readonly failures: number;
  readonly lastFailure: { readonly kind: ScrapeFailure; readonly detail: string; readonly atUs: number } | undefined;
  /** How long the last page took, from request to last byte. */
  readonly lastScrapeUs: number;
  readonly lora: LoraAdapters | undefined;
  readonly custom: ReadonlyMap<string, number>;
}

/** What scraping has come to since the start; all only grow. */
export interface ScrapeCounters {
  scrapes: number;
  pageBytes: number;
  readonly failures: Record<ScrapeFailure, number>;
  /** Metrics that a page should have and had not. */
  missingMetrics: number;
  /** Pages without any metric that was wanted. */
  emptyPages: number;
}

/**
 * Keeps the metrics of every endpoint fresh. Each target has one request on its way at most, its own connection and its own
 * turn in the interval, so that none waits for another.
 */
export class MetricsScraper implements EndpointListener {
  readonly counters: ScrapeCounters = {
    scrapes: 0,
    pageBytes: 0,
    failures: { connect: 0, timeout: 0, closed: 0, status: 0, malformed: 0, "too-large": 0 },
    missingMetrics: 0,
    emptyPages: 0,
  };
  readonly intervalUs: number;
  readonly #live: LiveRouter;
  readonly #source: MetricsSource;
  readonly #clock: Clock;
  readonly #log: Log | undefined;
  readonly #timeoutUs: number;
  readonly #transport: ScrapeTransport;
  readonly #buffer = scrapeReadBuffer();
  readonly #engines = new Map<EngineMapping, EngineMetrics>();
  readonly #targets = new Map<HostEndpoint, ScrapeTarget>();
  /** The interval in equal parts, each with the targets whose turn it is. */
  readonly #turns: Set<ScrapeTarget>[];
  readonly #tickUs: number;
  #turn = 0;
  #nextTickUs = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @throws PolicyError when certificates cannot be read */
  constructor(live: LiveRouter, source: MetricsSource, options: MetricsScraperOptions) {
    this.#live = live;
    this.#source = source;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#timeoutUs = options.timeoutUs ?? 1_000_000;
    this.#transport = transportOf(source, options.maxPageBytes ?? 8 * 1024 * 1024);
    const tickUs = Math.max(INTERVAL_FLOOR_US, options.refreshIntervalUs ?? INTERVAL_FLOOR_US);
    this.intervalUs = Math.max(1, Math.round((source.intervalUs ?? tickUs) / tickUs)) * tickUs;
    const turns = Math.min(MOST_TICKS, Math.floor(this.intervalUs / TICK_US));
    this.#tickUs = this.intervalUs / turns;
    this.#turns = Array.from({ length: turns }, () => new Set());
  }

  /** Begins; the endpoints that the live router has and will have are followed. */
  start(): void {
    this.#live.follow(this);
    this.#nextTickUs = this.#clock.nowUs() + this.#tickUs;
    this.#schedule();
  }

  /** Ends all connections; nothing is written any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const endpoint of [...this.#targets.keys()]) this.endpointRemoved(endpoint);
  }

  endpointAdded(endpoint: HostEndpoint): void {
    const { host, port } = addressOf(endpoint.address);
    const engine = this.#engineOf(endpoint);
    const target = new ScrapeTarget(endpoint, engine);
    target.client = new ScrapeClient(host, this.#source.port ?? port, this.#transport, this.#buffer, {
      page: (bytes, from, to) => this.#page(target, bytes, from, to),
      failed: (kind, detail) => this.#failed(target, kind, detail),
    });
    this.#targets.set(endpoint, target);
    this.#turns.reduce((least, turn) => (turn.size < least.size ? turn : least)).add(target);
  }

  endpointRemoved(endpoint: HostEndpoint): void {
    const target = this.#targets.get(endpoint);
    if (target === undefined) return;
    this.#targets.delete(endpoint);
    for (const turn of this.#turns) turn.delete(target);
    target.client?.close();
  }

  /** Of every endpoint that is scraped. */
  states(): ScrapeState[] {
    return [...this.#targets.values()].map((target) => target.state());
  }

  #engineOf(endpoint: HostEndpoint): EngineMetrics {
    const mapping = this.#source.engines.mappingFor(endpoint.labels);
    const engine = this.#engines.get(mapping) ?? new EngineMetrics(mapping);
    this.#engines.set(mapping, engine);
    return engine;
  }

  #schedule(): void {
    const waitMs = Math.max(0, (this.#nextTickUs - this.#clock.nowUs()) / 1000);
    this.#timer = setTimeout(() => this.#tick(), waitMs);
  }

  #tick(): void {
    const nowUs = this.#clock.nowUs();
    // What a stalled process has missed is left out, not made up for in one go.
    if (nowUs - this.#nextTickUs > this.intervalUs) this.#nextTickUs = nowUs;
    while (this.#nextTickUs <= nowUs) {
      for (const target of this.#turns[this.#turn]!) this.#visit(target, nowUs);
      this.#turn = (this.#turn + 1) % this.#turns.length;
      this.#nextTickUs += this.#tickUs;
    }
    this.#schedule();
  }

  #visit(target: ScrapeTarget, nowUs: number): void {
    const client = target.client!;
    if (client.busy) {
      if (nowUs - target.askedAtUs < this.#timeoutUs) return;
      client.abort("timeout", `no page within ${this.#timeoutUs / 1000} ms`);
    }
    if (nowUs < target.notBeforeUs) return;
    target.askedAtUs = nowUs;
    client.get();
  }

  #page(target: ScrapeTarget, bytes: Buffer, from: number, to: number): void {
    const { metrics, fresh, missing } = target.engine.read(bytes, from, to, target.engineState);
    this.counters.scrapes++;
    this.counters.pageBytes += to - from;
    this.counters.missingMetrics += missing;
    if (target.failuresInARow >= FAILURES_TO_TELL) this.#log?.info(where(target), "metrics are scraped again");
    if (missing > 0 && !target.toldOfMissing) {
      target.toldOfMissing = true;
      this.#log?.warn({ ...where(target), missing }, "the metrics page lacks metrics: they keep their values");
    }
    target.scraped(this.#clock.nowUs());
    if (fresh) this.#live.metricsScraped(target.endpoint, metrics);
    else this.counters.emptyPages++;
  }

  #failed(target: ScrapeTarget, kind: ScrapeFailure, detail: string): void {
    this.counters.failures[kind]++;
    const nowUs = this.#clock.nowUs();
    target.failed(kind, detail, nowUs);
    if (target.failuresInARow === FAILURES_TO_TELL) {
      this.#log?.warn({ ...where(target), kind, detail }, "metrics cannot be scraped: the last values stay");
    }
    if (kind !== "connect" && kind !== "timeout") return;
    const waitUs = this.intervalUs * 2 ** Math.min(10, target.failuresInARow - 1);
    target.notBeforeUs = nowUs + Math.min(waitUs, Math.max(SLOWEST_RETRY_US - this.intervalUs, this.intervalUs));
  }
}

/** One endpoint's part in scraping. */
class ScrapeTarget {
  readonly endpoint: HostEndpoint;
  readonly engine: EngineMetrics;
  readonly engineState: EngineState = newEngineState();
  client: ScrapeClient | undefined;
  askedAtUs = 0;
  notBeforeUs = 0;
  failuresInARow = 0;
  toldOfMissing = false;
  #scrapes = 0;
  #failures = 0;
  #lastScrapeUs = 0;
  #lastFailure: ScrapeState["lastFailure"];

  constructor(endpoint: HostEndpoint, engine: EngineMetrics) {
    this.endpoint = endpoint;
    this.engine = engine;
  }

  scraped(nowUs: number): void {
    this.#scrapes++;
    this.#lastScrapeUs = nowUs - this.askedAtUs;
    this.failuresInARow = 0;
  }

  failed(kind: ScrapeFailure, detail: string, atUs: number): void {
    this.#failures++;
    this.failuresInARow++;
    this.#lastFailure = { kind, detail, atUs };
  }

  state(): ScrapeState {
    return {
      endpoint: this.endpoint,
      engine: this.engine.mapping.engine,
      scrapes: this.#scrapes,
      failures: this.#failures,
      lastFailure: this.#lastFailure,
      lastScrapeUs: this.#lastScrapeUs,
      lora: this.engineState.lora,
      custom: this.engineState.custom,
    };
  }
}

const where = ({ endpoint, engine }: ScrapeTarget): object => ({
  endpoint: endpoint.name,
  address: endpoint.address,
  engine: engine.mapping.engine,
});

/** `ip:port` or `[v6]:port` in its parts. */
function addressOf(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, "$1"), port: Number(address.slice(colon + 1)) };
}

function transportOf(source: MetricsSource, maxPageBytes: number): ScrapeTransport {
  const { path } = source;
  if (source.scheme === "http") return { path, maxPageBytes };
  const read = (parameter: "caCertPath" | "clientCertPath" | "clientKeyPath"): { data: Buffer } | undefined => {
    const file = source[parameter];
    if (file === undefined) return undefined;
    try {
      return { data: readFileSync(file) };
    } catch (error) {
      throw new PolicyError(`${source.name}: ${parameter} ${file}: ${(error as Error).message}`);
    }
  };
  // A CA means nothing where the certificate is not looked at, as upstream.
  const ca = source.insecureSkipVerify ? undefined : read("caCertPath");
  const cert = read("clientCertPath");
  const key = read("clientKeyPath");
  try {
    const context = createSecureContext({
      ...(ca && { ca: ca.data }),
      ...(cert && { cert: cert.data }),
      ...(key && { key: key.data }),
    });
    return { path, maxPageBytes, tls: { verify: !source.insecureSkipVerify, context } };
  } catch (error) {
    throw new PolicyError(`${source.name}: the certificates cannot be used: ${(error as Error).message}`);
  }
}
