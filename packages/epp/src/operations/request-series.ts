import type { Flight } from "../host/flight.ts";
import type { MetricFamilies } from "./metric-families.ts";
import type { HistogramValue, SimpleValue } from "./metric-values.ts";

const US_PER_SECOND = 1e6;

/** The series of requests that agree in model, target model, fairness and priority: looked up once for all of them. */
export class RequestSeries {
  readonly labels: readonly string[];
  readonly #families: MetricFamilies;
  readonly #requests: SimpleValue;
  readonly #running: SimpleValue;
  readonly #duration: HistogramValue;
  readonly #requestBytes: HistogramValue;
  readonly #responseBytes: HistogramValue;
  readonly #inputTokens: HistogramValue;
  readonly #outputTokens: HistogramValue;
  readonly #cachedTokens: HistogramValue;
  readonly #ntpot: HistogramValue;
  readonly #ttft: HistogramValue;
  readonly #streamingTtft: HistogramValue;
  readonly #tpot: HistogramValue;

  /** @param labels in the order of the table */
  constructor(families: MetricFamilies, labels: readonly string[]) {
    this.labels = labels;
    this.#families = families;
    this.#requests = families.requests.child(...labels);
    this.#running = families.running.child(...labels);
    this.#duration = families.duration.child(...labels);
    this.#requestBytes = families.requestBytes.child(...labels);
    this.#responseBytes = families.responseBytes.child(...labels);
    this.#inputTokens = families.inputTokens.child(...labels);
    this.#outputTokens = families.outputTokens.child(...labels);
    this.#cachedTokens = families.cachedTokens.child(...labels);
    this.#ntpot = families.ntpot.child(...labels);
    this.#ttft = families.ttft.child(...labels, "false");
    this.#streamingTtft = families.ttft.child(...labels, "true");
    this.#tpot = families.tpot.child(...labels);
  }

  error(code: string): void {
    this.#families.errors.child(...this.labels, code).add(1);
  }

  dispatched(bodyBytes: number): void {
    this.#requests.add(1);
    this.#running.add(1);
    this.#requestBytes.observe(bodyBytes);
  }

  /** The gateway has let go of it, whatever came of it. */
  left(): void {
    this.#running.add(-1);
  }

  /** The whole response was there. Semantics of each number: llm-d-router, `pkg/epp/handlers` and `pkg/epp/metrics`. */
  completed({ request, responseStartedAtUs, endedAtUs = 0, usage, responseBytes }: Flight): void {
    const durationSeconds = (endedAtUs - request.receivedAtUs) / US_PER_SECOND;
    this.#duration.observe(durationSeconds);
    this.#responseBytes.observe(responseBytes);
    if (!request.streaming) this.#ttft.observe(durationSeconds);
    else if (responseStartedAtUs !== undefined) {
      this.#streamingTtft.observe((responseStartedAtUs - request.receivedAtUs) / US_PER_SECOND);
    }
    if (usage === undefined) return;
    const { promptTokens, outputTokens, cachedTokens } = usage;
    this.#inputTokens.observe(promptTokens);
    this.#outputTokens.observe(outputTokens);
    if (cachedTokens !== undefined) this.#cachedTokens.observe(cachedTokens);
    if (outputTokens > 0) this.#ntpot.observe(durationSeconds / outputTokens);
    if (request.streaming && responseStartedAtUs !== undefined && outputTokens > 1) {
      this.#tpot.observe((endedAtUs - responseStartedAtUs) / US_PER_SECOND / (outputTokens - 1));
    }
  }
}
