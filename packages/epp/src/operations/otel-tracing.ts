import {
  type Attributes,
  type Context,
  createTraceState,
  type HrTime,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ConsoleSpanExporter,
  NodeTracerProvider,
  ParentBasedSampler,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  type TracerConfig,
} from "@opentelemetry/sdk-trace-node";
import type { RequestTrace } from "../exchange/exchange.ts";
import type { RequestHeaders } from "../exchange/request-headers.ts";
import type { Clock } from "../host/clock.ts";
import type { Flight } from "../host/flight.ts";
import { type Environment, type SpanDestination, TracingError } from "./span-destination.ts";
import { parentContext, traceparent } from "./trace-context.ts";

const SERVICE_NAME = "llm-d-router/epp";
const DEFAULT_SAMPLER = "parentbased_traceidratio";
const DEFAULT_RATIO = "0.1";
const STOP_WITHIN_MS = 2000;
const SERVER_ERROR = 500;
const US_PER_SECOND = 1e6;
const NS_PER_US = 1000;
const US_PER_MS = 1000;

export async function spanExporter(destination: SpanDestination): Promise<SpanExporter> {
  if (destination.kind === "console") return new ConsoleSpanExporter();
  const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-http");
  return new OTLPTraceExporter({ url: destination.url });
}

/**
 * Spans of OpenTelemetry: `gateway.request` with `gateway.request_orchestration` in it and a `run_scheduler_profile` for
 * each profile in that. They are made when the request is over, from the times that are kept of it anyway. The router has
 * no clock, so what filters, scorers and pickers did stands as events of their profile, without durations, and only where
 * the decision was explained.
 */
export class OtelTracing {
  readonly #provider: NodeTracerProvider;
  readonly #tracer: Tracer;
  readonly #clock: Clock;

  constructor(exporter: SpanExporter, environment: Environment, clock: Clock) {
    this.#provider = new NodeTracerProvider({
      sampler: samplerOf(environment),
      resource: new ServiceResource(environment),
      spanProcessors: [new BatchSpanProcessor(exporter)],
    });
    this.#tracer = this.#provider.getTracer("windtunnel-epp");
    this.#clock = clock;
  }

  begin(headers: RequestHeaders): RequestTrace {
    const startTime = hrTime(this.#clock.nowUs());
    const span = this.#tracer.startSpan("gateway.request", { kind: SpanKind.SERVER, startTime }, parentOf(headers));
    // The sampler's no: the model server still learns of the trace that it belongs to.
    const context = trace.setSpan(ROOT_CONTEXT, span);
    return {
      headers: [["traceparent", traceparent(span.spanContext())]],
      ended: (flight, status) => {
        if (span.isRecording()) this.#ended(span, context, flight, status);
      },
    };
  }

  async stop(): Promise<void> {
    const timeout = new Promise<void>((resolve) => setTimeout(resolve, STOP_WITHIN_MS).unref());
    await Promise.race([this.#provider.shutdown().catch(() => {}), timeout]);
  }

  #ended(span: Span, context: Context, flight: Flight | undefined, status: number): void {
    if (status > 0) span.setAttribute("http.response.status_code", status);
    if (status >= SERVER_ERROR) span.setStatus({ code: SpanStatusCode.ERROR });
    if (flight !== undefined) {
      span.setAttributes(requestAttributes(flight));
      this.#orchestration(context, flight);
    }
    span.end(hrTime(this.#clock.nowUs()));
  }

  #orchestration(parent: Context, flight: Flight): void {
    const { request, decidedAtUs, decisionUs } = flight;
    const end = hrTime(decidedAtUs + decisionUs);
    const startTime = hrTime(request.receivedAtUs);
    const span = this.#tracer.startSpan("gateway.request_orchestration", { startTime }, parent);
    const context = trace.setSpan(parent, span);
    for (const { profile, targets } of flight.profiles) {
      const attributes: Attributes = { "llm_d.epp.scheduling.profile.name": profile };
      attributes["llm_d.epp.picker.top_endpoints"] = [...targets];
      const options = { startTime: hrTime(decidedAtUs), attributes };
      const run = this.#tracer.startSpan("run_scheduler_profile", options, context);
      explain(run, flight, profile, end);
      run.end(end);
    }
    span.end(end);
  }
}

function requestAttributes({ request, targets, served, usage, end, responseStartedAtUs }: Flight): Attributes {
  const attributes: Attributes = {
    "gen_ai.request.model": request.model,
    "gen_ai.request.id": request.id,
    "gen_ai.response.model": request.targetModel,
    "llm_d.epp.target_endpoint": served ?? targets[0] ?? "",
    "llm_d.epp.prompt_tokens": request.promptTokens,
    "llm_d.epp.end": end ?? "aborted",
  };
  if (usage !== undefined) {
    attributes["gen_ai.usage.input_tokens"] = usage.promptTokens;
    attributes["gen_ai.usage.output_tokens"] = usage.outputTokens;
  }
  if (responseStartedAtUs !== undefined) {
    attributes["llm_d.epp.ttft_seconds"] = (responseStartedAtUs - request.receivedAtUs) / US_PER_SECOND;
  }
  return attributes;
}

function explain(span: Span, { record }: Flight, profile: string, at: HrTime): void {
  const found = record?.profiles.find((one) => one.profile === profile);
  if (record === undefined || found === undefined) return;
  let left = record.candidates.length;
  for (const { filter, dropped } of found.filters) {
    const before = left;
    left -= dropped.length;
    const counts = { "llm_d.epp.filter.candidate_endpoints": before, "llm_d.epp.filter.filtered_endpoints": left };
    span.addEvent("filter_endpoints", { "llm_d.epp.filter.name": filter, ...counts }, at);
  }
  for (const { scorer, weight, scores } of found.scorers) {
    const values = Object.values(scores);
    const max = values.reduce((most, value) => Math.max(most, value), 0);
    const counts = { "llm_d.epp.scorer.endpoints_scored": values.length, "llm_d.epp.scorer.score.max": max };
    span.addEvent(`llm_d.epp.scorer.${scorer}`, { "llm_d.epp.scorer.weight": weight, ...counts }, at);
  }
  const scores = found.picked.map((name) => found.totals[name] ?? 0);
  span.addEvent("pick_endpoints", { "llm_d.epp.picker.name": found.picker, "llm_d.epp.picker.top_scores": scores }, at);
}

function parentOf(headers: RequestHeaders): Context {
  const parent = parentContext(headers.get("traceparent"));
  if (parent === undefined) return ROOT_CONTEXT;
  const state = headers.get("tracestate");
  const traceState = state === undefined ? {} : { traceState: createTraceState(state) };
  return trace.setSpanContext(ROOT_CONTEXT, { ...parent, ...traceState, isRemote: true });
}

/** `OTEL_TRACES_SAMPLER` and its argument; a tenth of the traces that begin here unless they say otherwise. */
function samplerOf({ OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG }: Environment): Sampler {
  const name = OTEL_TRACES_SAMPLER || DEFAULT_SAMPLER;
  const ratio = Number(OTEL_TRACES_SAMPLER_ARG || DEFAULT_RATIO);
  const samplers: Readonly<Record<string, () => Sampler>> = {
    always_on: () => new AlwaysOnSampler(),
    always_off: () => new AlwaysOffSampler(),
    traceidratio: () => new TraceIdRatioBasedSampler(ratio),
  };
  const root = samplers[name.replace(/^parentbased_/, "")];
  if (root === undefined) {
    const names = Object.keys(samplers).flatMap((known) => [known, `parentbased_${known}`]);
    throw new TracingError(`OTEL_TRACES_SAMPLER: "${name}" is not known (allowed: ${names.join(", ")})`);
  }
  if (!(ratio >= 0 && ratio <= 1)) {
    throw new TracingError(`OTEL_TRACES_SAMPLER_ARG: "${OTEL_TRACES_SAMPLER_ARG}" is not a number from 0 to 1`);
  }
  return name.startsWith("parentbased_") ? new ParentBasedSampler({ root: root() }) : root();
}

type Resource = NonNullable<TracerConfig["resource"]>;

/** Who the spans are of: `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`. */
class ServiceResource implements Resource {
  readonly attributes: Record<string, string>;

  constructor({ OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES }: Environment) {
    const pairs = (OTEL_RESOURCE_ATTRIBUTES ?? "").split(",").map((pair) => pair.split("=", 2));
    const given = pairs.filter((pair) => pair.length === 2 && pair[0]!.trim() !== "");
    this.attributes = {
      "service.name": SERVICE_NAME,
      ...Object.fromEntries(given.map(([name, value]) => [name!.trim(), value!.trim()])),
      ...(OTEL_SERVICE_NAME ? { "service.name": OTEL_SERVICE_NAME } : {}),
    };
  }

  merge(): Resource {
    return this;
  }

  getRawAttributes(): [string, string][] {
    return Object.entries(this.attributes);
  }
}

/** A time of our clock as seconds and nanoseconds since 1970. */
function hrTime(atUs: number): HrTime {
  const epochUs = Math.round(performance.timeOrigin * US_PER_MS) + atUs;
  const seconds = Math.floor(epochUs / US_PER_SECOND);
  return [seconds, Math.round((epochUs - seconds * US_PER_SECOND) * NS_PER_US)];
}
