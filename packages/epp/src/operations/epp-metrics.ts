import type { HostEndpoint } from "@windtunnel/router-policies";
import { collectDefaultMetrics, Registry } from "prom-client";
import { errorCode, MODEL_SERVER_ERROR } from "../exchange/error-code.ts";
import { type ArrivedRequest, DEFAULT_FLOW } from "../host/arrived-request.ts";
import type { Clock } from "../host/clock.ts";
import type { Flight, Refusal } from "../host/flight.ts";
import type { LiveRouter } from "../host/live-router.ts";
import type { Observer } from "../host/observer.ts";
import type { Signals } from "../signals/signals.ts";
import { AttemptCounts } from "./attempt-counts.ts";
import { collectPool } from "./collect-pool.ts";
import { collectSignals } from "./collect-signals.ts";
import type { InFlight } from "./in-flight.ts";
import { LabelCap, OTHER } from "./label-cap.ts";
import { type MetricFamilies, metricFamilies } from "./metric-families.ts";
import type { HistogramValue } from "./metric-values.ts";
import { RequestSeries } from "./request-series.ts";

/** Combinations of a request's labels that are told apart: each is some 20 KB of text. */
const MAX_REQUEST_SERIES = 1000;
/** Text that is put together before other work has its turn. */
const TEXT_CHUNK = 200_000;
const US_PER_SECOND = 1e6;

export interface EppMetricsOptions {
  readonly live: LiveRouter;
  readonly clock: Clock;
  readonly inFlight: InFlight;
  /** Label `name` of the pool's gauges. */
  readonly poolName: string;
  /** Label `build_ref`. */
  readonly version: string;
  /** Label `producer_name` of requests in flight; upstream's default unless given. */
  readonly inFlightProducer?: string;
}

/**
 * The Endpoint Picker's metrics. Requests are counted as they go by, in series that are looked up once; gauges are taken
 * when someone asks.
 */
export class EppMetrics implements Observer {
  /** For metrics of others: they come out on the same page. */
  readonly registry = new Registry();
  readonly #options: EppMetricsOptions;
  readonly #families: MetricFamilies = metricFamilies();
  readonly #models = new LabelCap();
  readonly #fairness = new LabelCap();
  readonly #series = new Map<string, RequestSeries>();
  /** By priority: of requests that came when there were too many series. */
  readonly #overflow = new Map<string, RequestSeries>();
  readonly #attempts: AttemptCounts;
  readonly #decisionSeconds: HistogramValue;
  readonly #processingSeconds: HistogramValue;
  #signals: Signals | undefined;

  constructor(options: EppMetricsOptions) {
    this.#options = options;
    this.#attempts = new AttemptCounts(this.#families.attempts, options.live);
    this.#decisionSeconds = this.#families.decisionSeconds.child();
    this.#processingSeconds = this.#families.processingSeconds.child();
    this.#families.info.child("", options.version).set(1);
    collectDefaultMetrics({ register: this.registry });
  }

  /** Whose counters are told of from now on. */
  signals(signals: Signals): void {
    this.#signals = signals;
  }

  /** A request that was answered with an error and of which the router was not asked. */
  badRequest(status: number): void {
    this.#seriesOf("", "", DEFAULT_FLOW, "0").error(errorCode(status));
  }

  modelRewritten(rewrite: string, model: string, target: string): void {
    this.#families.rewrites.child(rewrite, this.#models.of(model), this.#models.of(target)).add(1);
  }

  dispatched(flight: Flight): void {
    const { request, ticket, decisionUs, decidedAtUs } = flight;
    // As upstream, one without a body counts when it is over, and not before.
    if (ticket < 0) return;
    this.#seriesFor(request).dispatched(request.bodyBytes);
    this.#attempts.count("success", this.#models.of(request.targetModel), flight.targets[0]!);
    this.#decided(request, decidedAtUs, decisionUs);
  }

  refused({ request, status, reason, decidedAtUs, decisionUs }: Refusal): void {
    this.#seriesFor(request).error(errorCode(status));
    // Without any candidate the scheduler is not asked.
    if (reason !== "rejected-no-endpoints") this.#attempts.count("failure", this.#models.of(request.targetModel), "");
    this.#decided(request, decidedAtUs, decisionUs);
  }

  responseEnded(flight: Flight): void {
    const series = this.#seriesFor(flight.request);
    if (flight.ticket >= 0) series.left();
    if (flight.end === "failed") series.error(MODEL_SERVER_ERROR);
    if (flight.end !== "aborted") series.completed(flight);
  }

  endpointRemoved(endpoint: HostEndpoint): void {
    this.#attempts.removed(endpoint);
  }

  /** The whole page, in Prometheus' text format; other work has its turn while it is put together. */
  async page(): Promise<string> {
    collectPool(this.#families, { ...this.#options, fairness: (value) => this.#fairness.of(value) });
    if (this.#signals !== undefined) collectSignals(this.#families, this.#signals);
    const parts: string[] = [];
    let length = 0;
    for (const family of Object.values(this.#families)) {
      for (const text of family.text()) {
        parts.push(text);
        length += text.length;
        if (length < TEXT_CHUNK) continue;
        length = 0;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    return parts.join("") + (await this.registry.metrics());
  }

  #decided(request: ArrivedRequest, decidedAtUs: number, decisionUs: number): void {
    this.#decisionSeconds.observe(decisionUs / US_PER_SECOND);
    this.#processingSeconds.observe((decidedAtUs + decisionUs - request.receivedAtUs) / US_PER_SECOND);
  }

  #seriesFor({ model, targetModel, fairnessId, priority }: ArrivedRequest): RequestSeries {
    return this.#seriesOf(model, targetModel, fairnessId, String(priority));
  }

  #seriesOf(model: string, target: string, fairnessId: string, priority: string): RequestSeries {
    const labels = [this.#models.of(model), this.#models.of(target), this.#fairness.of(fairnessId), priority];
    const key = labels.join("\0");
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    if (this.#series.size < MAX_REQUEST_SERIES) return this.#newSeries(this.#series, key, labels);
    return this.#overflow.get(priority) ?? this.#newSeries(this.#overflow, priority, [OTHER, OTHER, OTHER, priority]);
  }

  /** Never forgotten, so that a request's begin and end meet in the same one. */
  #newSeries(kept: Map<string, RequestSeries>, key: string, labels: readonly string[]): RequestSeries {
    const series = new RequestSeries(this.#families, labels);
    kept.set(key, series);
    return series;
  }
}
