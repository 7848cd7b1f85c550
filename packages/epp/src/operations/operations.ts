import type { Clock } from "../host/clock.ts";
import type { LiveRouter } from "../host/live-router.ts";
import type { Log } from "../host/log.ts";
import type { Signals } from "../signals/signals.ts";
import { AccessLog } from "./access-log.ts";
import { type DebugServer, startDebugServer } from "./debug-server.ts";
import type { DecisionRing } from "./decision-ring.ts";
import { EppMetrics } from "./epp-metrics.ts";
import { InFlight } from "./in-flight.ts";
import { type MetricsServer, type MetricsServerOptions, startMetricsServer } from "./metrics-server.ts";

export interface OperationsOptions {
  readonly live: LiveRouter;
  readonly clock: Clock;
  readonly log: Log;
  /** The one that the live router asks which decisions to explain. */
  readonly decisions: DecisionRing;
  readonly poolName: string;
  readonly version: string;
  /** Name of the in-flight producer, where one is configured. */
  readonly inFlightProducer?: string;
  /** Writes a line of level debug for each request. */
  readonly accessLog: boolean;
}

/** Where the metrics are served. */
export interface MetricsPort extends Omit<MetricsServerOptions, "page" | "log"> {
  readonly signals?: Signals;
}

/** What the debug pages show besides the router. */
export interface Shown {
  readonly config: object;
  readonly flags: Readonly<Record<string, unknown>>;
  readonly signals?: Signals;
}

/** Everything by which operators see what the Endpoint Picker does: metrics, debug pages, access log. It changes nothing. */
export class Operations {
  readonly metrics: EppMetrics;
  metricsPort = 0;
  /** 0 without debug pages. */
  debugPort = 0;
  readonly #options: OperationsOptions;
  readonly #inFlight = new InFlight();
  #metricsServer: MetricsServer | undefined;
  #debugServer: DebugServer | undefined;

  /** Watches the live router from now on. */
  constructor(options: OperationsOptions) {
    this.#options = options;
    this.metrics = new EppMetrics({ ...options, inFlight: this.#inFlight });
    options.live.observe(this.metrics);
    options.live.observe(this.#inFlight);
    options.live.observe(options.decisions);
    if (options.accessLog) options.live.observe(new AccessLog(options.log));
  }

  /** Opens the port of the metrics. @throws TlsError for certificates that cannot be used */
  async listen({ signals, ...ports }: MetricsPort): Promise<void> {
    if (signals !== undefined) this.metrics.signals(signals);
    this.#metricsServer = await startMetricsServer({
      ...ports,
      log: this.#options.log,
      page: () => this.metrics.page(),
    });
    this.metricsPort = this.#metricsServer.port;
  }

  /** Opens the debug pages on loopback. */
  async listenDebug(port: number, shown: Shown): Promise<void> {
    const { live, clock, decisions } = this.#options;
    this.#debugServer = await startDebugServer({ live, clock, decisions, inFlight: this.#inFlight, ...shown }, port);
    this.debugPort = this.#debugServer.port;
  }

  async stop(): Promise<void> {
    await this.#metricsServer?.close();
    await this.#debugServer?.close();
  }
}
