import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { InMemorySpanExporter } from "@opentelemetry/sdk-trace-node";
import { afterEach, describe, expect, test } from "vitest";
import { RequestHeaders } from "../../../src/exchange/request-headers.ts";
import { OtelTracing } from "../../../src/operations/otel-tracing.ts";
import { spanDestination } from "../../../src/operations/span-destination.ts";
import { parentContext, traceparent } from "../../../src/operations/trace-context.ts";
import { startTracing } from "../../../src/operations/tracing.ts";
import { flight, record } from "./flights.ts";

const PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const headersOf = (values: Record<string, string>) =>
  new RequestHeaders({ headers: Object.entries(values).map(([key, value]) => ({ key, value })) });
const clock = { nowUs: () => 4_000_000 };

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).toReversed()) await each();
});

/** Keeps what was exported also after its end. */
class KeepingExporter extends InMemorySpanExporter {
  override shutdown(): Promise<void> {
    return Promise.resolve();
  }
}

async function traced(
  environment: Record<string, string>,
  headers: Record<string, string>,
  ended: (trace: ReturnType<OtelTracing["begin"]>) => void,
) {
  const exporter = new KeepingExporter();
  const tracing = new OtelTracing(exporter, environment, clock);
  const trace = tracing.begin(headersOf(headers));
  ended(trace);
  await tracing.stop();
  return { spans: exporter.getFinishedSpans(), out: Object.fromEntries(trace.headers) };
}

describe("traceparent", () => {
  test("what it says", () => {
    const parent = parentContext(PARENT)!;
    expect(parent).toEqual({
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      traceFlags: 1,
    });
    expect(traceparent(parent)).toBe(PARENT);
    expect(parentContext(PARENT.replace("00-", "cc-").concat("-more"))?.traceFlags).toBe(1);
  });

  test.each([
    "",
    "00",
    PARENT.toUpperCase(),
    PARENT.replace("00-", "ff-"),
    `${PARENT}-more`,
    PARENT.replace("0af7651916cd43dd8448eb211c80319c", "0".repeat(32)),
    PARENT.replace("b7ad6b7169203331", "0".repeat(16)),
    PARENT.replace("b7ad", "b7a"),
  ])("%s is none", (header) => expect(parentContext(header)).toBeUndefined());
});

describe("spans of a request", () => {
  test("of the request, its orchestration and each profile, as children of the caller's", async () => {
    const over = flight({}, { end: "completed", endedAtUs: 3_000_000, usage: { promptTokens: 90, outputTokens: 7 } });
    const { spans, out } = await traced({}, { traceparent: PARENT }, (trace) => trace.ended(over, 200));
    expect(spans.map(({ name }) => name).sort()).toEqual([
      "gateway.request",
      "gateway.request_orchestration",
      "run_scheduler_profile",
    ]);
    const [root, orchestration, profile] = [
      "gateway.request",
      "gateway.request_orchestration",
      "run_scheduler_profile",
    ].map((name) => spans.find((span) => span.name === name)!);
    expect(root!.spanContext().traceId).toBe("0af7651916cd43dd8448eb211c80319c");
    expect(root!.parentSpanContext?.spanId).toBe("b7ad6b7169203331");
    expect(orchestration!.parentSpanContext?.spanId).toBe(root!.spanContext().spanId);
    expect(profile!.parentSpanContext?.spanId).toBe(orchestration!.spanContext().spanId);
    expect(root!.attributes).toMatchObject({ "gen_ai.request.model": "llama", "gen_ai.usage.output_tokens": 7 });
    expect(profile!.attributes["llm_d.epp.scheduling.profile.name"]).toBe("default");
    // Decided in 100 µs, 2 ms after the headers came.
    expect([profile!.duration, orchestration!.duration]).toEqual([
      [0, 100_000],
      [0, 2_100_000],
    ]);
    expect(out.traceparent).toBe(`00-0af7651916cd43dd8448eb211c80319c-${root!.spanContext().spanId}-01`);
    expect(root!.resource.attributes["service.name"]).toBe("llm-d-router/epp");
  });

  test("an explained decision says what each part of it did", async () => {
    const over = flight({}, { end: "completed", record: record("r-1") });
    const { spans } = await traced({}, { traceparent: PARENT }, (trace) => trace.ended(over, 200));
    const { events } = spans.find(({ name }) => name === "run_scheduler_profile")!;
    expect(events.map(({ name }) => name)).toEqual([
      "filter_endpoints",
      "llm_d.epp.scorer.queue-scorer",
      "pick_endpoints",
    ]);
    expect(events[0]!.attributes).toMatchObject({
      "llm_d.epp.filter.candidate_endpoints": 3,
      "llm_d.epp.filter.filtered_endpoints": 2,
    });
  });

  test("a request that was not routed", async () => {
    const environment = { OTEL_TRACES_SAMPLER: "always_on", OTEL_SERVICE_NAME: "mine" };
    const { spans } = await traced(environment, {}, (trace) => trace.ended(undefined, 503));
    expect(spans.map(({ name, status }) => [name, status.code])).toEqual([["gateway.request", 2]]);
    expect(spans[0]!.resource.attributes["service.name"]).toBe("mine");
  });

  test("the caller's no is kept, and handed on", async () => {
    const unsampled = PARENT.replace(/01$/, "00");
    const { spans, out } = await traced({}, { traceparent: unsampled }, (trace) => trace.ended(flight(), 200));
    expect(spans).toHaveLength(0);
    expect(out.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-00$/);
    expect(out.traceparent).not.toContain("b7ad6b7169203331");
  });

  test("of traces that begin here, a tenth", async () => {
    const exporter = new KeepingExporter();
    const tracing = new OtelTracing(exporter, {}, clock);
    for (let index = 0; index < 2000; index++) tracing.begin(headersOf({})).ended(undefined, 200);
    await tracing.stop();
    // Binomial, 2,000 of 1/10: mean 200, deviation 13.4; seven deviations.
    expect(exporter.getFinishedSpans().length).toBeGreaterThan(105);
    expect(exporter.getFinishedSpans().length).toBeLessThan(295);
  });
});

describe("whether there is tracing", () => {
  test.each([
    [{}, undefined],
    [{ OTEL_TRACES_EXPORTER: "none", OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318" }, undefined],
    [{ OTEL_SDK_DISABLED: "true", OTEL_TRACES_EXPORTER: "otlp" }, undefined],
    [{ OTEL_TRACES_EXPORTER: "console" }, { kind: "console" }],
    [{ OTEL_TRACES_EXPORTER: "otlp" }, { kind: "otlp", url: "http://localhost:4318/v1/traces" }],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318/" }, { kind: "otlp", url: "http://c:4318/v1/traces" }],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://c/t" }, { kind: "otlp", url: "http://c/t" }],
  ])("%j", (environment, destination) => expect(spanDestination(environment)).toEqual(destination));

  test("what is not known is said", async () => {
    expect(() => spanDestination({ OTEL_TRACES_EXPORTER: "jaeger" })).toThrow(
      'OTEL_TRACES_EXPORTER: "jaeger" is not known (allowed: otlp, console, none)',
    );
    const wrong = (name: string, arg: string) =>
      startTracing({ OTEL_TRACES_EXPORTER: "otlp", OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: arg }, clock);
    await expect(wrong("sometimes", "1")).rejects.toThrow('OTEL_TRACES_SAMPLER: "sometimes" is not known');
    await expect(wrong("traceidratio", "7")).rejects.toThrow(
      'OTEL_TRACES_SAMPLER_ARG: "7" is not a number from 0 to 1',
    );
  });

  test("nothing is traced unless it is asked for", async () => {
    expect(await startTracing({}, clock)).toBeUndefined();
  });

  test("spans reach a collector", async () => {
    const bodies: Buffer[] = [];
    const collector = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        bodies.push(Buffer.concat(chunks));
        response.writeHead(200, { "content-type": "application/json" }).end("{}");
      });
    });
    await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
    undo.push(() => {
      collector.closeAllConnections();
      return new Promise((resolve) => collector.close(resolve));
    });
    const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
    const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_SAMPLER: "always_on" };
    const tracing = (await startTracing(environment, clock))!;
    tracing.begin(headersOf({})).ended(flight(), 200);
    await tracing.stop();
    expect(bodies.map((body) => body.toString("latin1")).join()).toContain("gateway.request_orchestration");
  });
});
