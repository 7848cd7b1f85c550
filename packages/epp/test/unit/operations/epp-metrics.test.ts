import { loadEndpointPickerConfig, Router } from "@windtunnel/router-policies";
import { beforeEach, describe, expect, test } from "vitest";
import { LiveRouter } from "../../../src/host/live-router.ts";
import { EppMetrics } from "../../../src/operations/epp-metrics.ts";
import { InFlight } from "../../../src/operations/in-flight.ts";
import { METRICS } from "../../../src/operations/metric-table.ts";
import { flight, refusal } from "./flights.ts";

const REQUEST = 'model_name="llama",target_model_name="llama",fairness_id="default-flow",priority="0"';
const ENDPOINTS = [
  { name: "pod-a", namespace: "prod", address: "10.0.0.1:8000", labels: {} },
  { name: "pod-b", namespace: "prod", address: "10.0.0.2:8000", labels: {} },
];

let nowUs = 0;
let live: LiveRouter;
let inFlight: InFlight;
let metrics: EppMetrics;

beforeEach(() => {
  nowUs = 0;
  const config = loadEndpointPickerConfig("apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n", { file: "x" });
  const router = new Router(config, { random: () => ({ next: () => 0 }) as never });
  live = new LiveRouter(router, { clock: { nowUs: () => nowUs }, explain: () => false });
  inFlight = new InFlight();
  metrics = new EppMetrics({ live, clock: { nowUs: () => nowUs }, inFlight, poolName: "pool", version: "0.1.0" });
  live.observe(metrics);
  live.setEndpoints(ENDPOINTS);
});

/** Samples by name and labels, as on the page. */
async function samples(): Promise<Map<string, number>> {
  const rows = (await metrics.page()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(rows.map((row) => [row.slice(0, row.lastIndexOf(" ")), Number(row.slice(row.lastIndexOf(" ") + 1))]));
}

const finished = (more: Parameters<typeof flight>[1] = {}, facts: Parameters<typeof flight>[0] = {}) =>
  flight(facts, { endedAtUs: 3_000_000, end: "completed", responseBytes: 900, status: 200, ...more });

describe("requests", () => {
  test("a dispatched request runs until it is over", async () => {
    const one = flight();
    metrics.dispatched(one);
    const during = await samples();
    expect(during.get(`llm_d_epp_request_total{${REQUEST}}`)).toBe(1);
    expect(during.get(`llm_d_epp_request_running{${REQUEST}}`)).toBe(1);
    expect(during.get(`llm_d_epp_request_size_bytes_sum{${REQUEST}}`)).toBe(300);
    expect(during.has(`llm_d_epp_request_duration_seconds_count{${REQUEST}}`)).toBe(false);
    metrics.responseEnded({ ...one, end: "aborted", endedAtUs: 2_000_000 });
    const after = await samples();
    expect(after.get(`llm_d_epp_request_running{${REQUEST}}`)).toBe(0);
    expect(after.has(`llm_d_epp_request_duration_seconds_count{${REQUEST}}`)).toBe(false);
  });

  test("a streamed response: 2 s in all, 0.5 s to the first byte, 1.5 s for 3 more tokens", async () => {
    const usage = { promptTokens: 100, outputTokens: 4, cachedTokens: 64 };
    metrics.responseEnded(finished({ responseStartedAtUs: 1_500_000, usage }, { streaming: true }));
    const page = await samples();
    expect(page.get(`llm_d_epp_request_duration_seconds_sum{${REQUEST}}`)).toBe(2);
    expect(page.get(`llm_d_epp_request_duration_seconds_bucket{${REQUEST},le="1.5"}`)).toBe(0);
    expect(page.get(`llm_d_epp_request_duration_seconds_bucket{${REQUEST},le="2"}`)).toBe(1);
    expect(page.get(`llm_d_epp_request_duration_seconds_bucket{${REQUEST},le="+Inf"}`)).toBe(1);
    expect(page.get(`llm_d_epp_request_ttft_seconds_sum{${REQUEST},streaming="true"}`)).toBe(0.5);
    expect(page.get(`llm_d_epp_request_streaming_tpot_seconds_sum{${REQUEST}}`)).toBe(0.5);
    expect(page.get(`llm_d_epp_request_ntpot_seconds_sum{${REQUEST}}`)).toBe(0.5);
    expect(page.get(`llm_d_epp_request_input_tokens_sum{${REQUEST}}`)).toBe(100);
    expect(page.get(`llm_d_epp_request_cached_tokens_sum{${REQUEST}}`)).toBe(64);
    expect(page.get(`llm_d_epp_response_size_bytes_sum{${REQUEST}}`)).toBe(900);
  });

  test("without streaming the first token is there when all are, and there is no TPOT", async () => {
    const usage = { promptTokens: 100, outputTokens: 4 };
    metrics.responseEnded(finished({ responseStartedAtUs: 2_900_000, usage }));
    const page = await samples();
    expect(page.get(`llm_d_epp_request_ttft_seconds_sum{${REQUEST},streaming="false"}`)).toBe(2);
    expect([...page.keys()].filter((name) => name.includes("tpot_seconds_count{"))).toEqual([
      `llm_d_epp_request_ntpot_seconds_count{${REQUEST}}`,
    ]);
    expect([...page.keys()].some((name) => name.startsWith("llm_d_epp_request_cached_tokens"))).toBe(false);
  });

  test("errors by kind: of the router, of the model server, before the router", async () => {
    metrics.refused(refusal());
    metrics.responseEnded(finished({ end: "failed", status: 500 }));
    metrics.badRequest(400);
    const page = await samples();
    const empty = 'model_name="",target_model_name="",fairness_id="default-flow",priority="0"';
    expect(page.get(`llm_d_epp_request_error_total{${REQUEST},error_code="ResourceExhausted"}`)).toBe(1);
    expect(page.get(`llm_d_epp_request_error_total{${REQUEST},error_code="ModelServerError"}`)).toBe(1);
    expect(page.get(`llm_d_epp_request_error_total{${empty},error_code="BadRequest"}`)).toBe(1);
    expect([...page.keys()].some((name) => name.startsWith("llm_d_epp_request_total"))).toBe(false);
  });

  test("a request without a body counts when it is over, as upstream", async () => {
    const one = finished({ ticket: -1 }, { model: "", targetModel: "" });
    metrics.dispatched(one);
    metrics.responseEnded(one);
    const page = await samples();
    const empty = 'model_name="",target_model_name="",fairness_id="default-flow",priority="0"';
    expect(page.get(`llm_d_epp_request_duration_seconds_count{${empty}}`)).toBe(1);
    expect([...page.keys()].some((name) => name.startsWith("llm_d_epp_request_running"))).toBe(false);
  });

  test("deprecated names add up what they cannot tell apart", async () => {
    metrics.dispatched(flight({ fairnessId: "a" }));
    metrics.dispatched(flight({ fairnessId: "b", bodyBytes: 100 }));
    metrics.dispatched(flight({ fairnessId: "b", targetModel: "adapter", priority: 5 }));
    const page = await samples();
    const models = 'model_name="llama",target_model_name="llama"';
    expect(page.get(`inference_objective_request_total{${models},priority="0"}`)).toBe(2);
    expect(page.get('inference_objective_running_requests{model_name="llama"}')).toBe(3);
    expect(page.get(`inference_objective_request_sizes_bucket{${models},le="128"}`)).toBe(1);
    expect(page.get(`inference_objective_request_sizes_count{${models}}`)).toBe(2);
  });
});

describe("the router", () => {
  test("decisions count by endpoint; its series go with it", async () => {
    metrics.dispatched(flight());
    metrics.dispatched(flight());
    metrics.refused(refusal());
    metrics.refused(refusal({}, { status: 503, reason: "rejected-no-endpoints" }));
    const chosen = 'status="success",target_model_name="llama",endpoint_name="pod-a",namespace="prod",port="8000"';
    const none = 'status="failure",target_model_name="llama",endpoint_name="",namespace="",port=""';
    const page = await samples();
    expect(page.get(`llm_d_epp_scheduler_attempts_total{${chosen}}`)).toBe(2);
    expect(page.get(`llm_d_epp_scheduler_attempts_total{${none}}`)).toBe(1);
    expect(page.get("llm_d_epp_scheduler_e2e_duration_seconds_count")).toBe(4);
    expect(page.get('llm_d_epp_scheduler_e2e_duration_seconds_bucket{le="0.0001"}')).toBe(4);
    // 2 ms from its headers, and 100 µs in the router.
    expect(page.get("llm_d_epp_request_processing_duration_seconds_sum")).toBeCloseTo(4 * 0.0021, 9);
    live.setEndpoints(ENDPOINTS.slice(1));
    expect((await samples()).has(`llm_d_epp_scheduler_attempts_total{${chosen}}`)).toBe(false);
    live.setEndpoints(ENDPOINTS);
    metrics.dispatched(flight());
    expect((await samples()).get(`llm_d_epp_scheduler_attempts_total{${chosen}}`)).toBe(1);
  });

  test("requests in flight by endpoint: the first target of each profile", async () => {
    const profiles = [
      { profile: "decode", targets: ["10.0.0.1:8000"] },
      { profile: "prefill", targets: ["10.0.0.2:8000", "10.0.0.1:8000"] },
    ];
    const one = flight({}, { profiles });
    inFlight.dispatched(one);
    inFlight.dispatched(flight());
    const labels = (pod: string) =>
      `llm_d_epp_inflight_requests{endpoint_name="${pod}",namespace="prod",fairness_id="default-flow",priority="0",producer_name="inflight-load-producer"}`;
    const during = await samples();
    expect([during.get(labels("pod-a")), during.get(labels("pod-b"))]).toEqual([2, 1]);
    inFlight.responseEnded(one);
    const after = await samples();
    expect([after.get(labels("pod-a")), after.get(labels("pod-b"))]).toEqual([1, undefined]);
  });

  test("rewrites", async () => {
    metrics.modelRewritten("canary", "llama", "llama-v2");
    const labels = 'model_rewrite_name="canary",model_name="llama",target_model="llama-v2"';
    expect((await samples()).get(`llm_d_epp_model_rewrite_decisions_total{${labels}}`)).toBe(1);
  });
});

describe("the pool", () => {
  test("means, deviations and queues of the endpoints as they are", async () => {
    const [a, b] = live.endpoints;
    nowUs = 1_000_000;
    live.metricsScraped(a!, { waitingQueueSize: 3, runningRequestsSize: 2, kvCacheUsageFraction: 0.25 });
    nowUs = 1_500_000;
    live.metricsScraped(b!, { waitingQueueSize: 1, runningRequestsSize: 2, kvCacheUsageFraction: 0.75 });
    nowUs = 2_000_000;
    const page = await samples();
    expect(page.get('llm_d_epp_average_queue_size{name="pool"}')).toBe(2);
    expect(page.get('llm_d_epp_average_kv_cache_utilization{name="pool"}')).toBe(0.5);
    expect(page.get('llm_d_epp_std_dev_queue_size{name="pool"}')).toBeCloseTo(Math.SQRT2, 12);
    expect(page.get('llm_d_epp_std_dev_running_requests{name="pool"}')).toBe(0);
    expect(page.get('inference_pool_ready_pods{name="pool"}')).toBe(2);
    expect(page.get('inference_pool_per_pod_queue_size{name="pool",model_server_pod="pod-a"}')).toBe(3);
    expect(page.get('windtunnel_epp_endpoint_metrics_age_seconds{endpoint_name="pod-a",namespace="prod"}')).toBe(1);
  });

  test("an empty pool reads 0, and endpoints that are gone are not told of", async () => {
    live.setEndpoints([]);
    const page = await samples();
    expect(page.get('llm_d_epp_ready_endpoints{name="pool"}')).toBe(0);
    expect(page.get('llm_d_epp_average_queue_size{name="pool"}')).toBe(0);
    expect([...page.keys()].some((name) => name.startsWith("llm_d_epp_per_endpoint_queue_size"))).toBe(false);
  });
});

describe("signals", () => {
  test("the scraper's and the event subscriber's own counters are told", async () => {
    const counters = {
      scrapes: 7,
      pageBytes: 900,
      missingMetrics: 2,
      emptyPages: 1,
      failures: { connect: 3, "too-large": 1 },
    };
    const kv = { messages: { messages: 5, unknownPods: 2 }, events: { stored: 9 } };
    metrics.signals({ scrapers: [{ counters }, { counters }], kvEvents: [kv] } as never);
    const page = await samples();
    expect(page.get("windtunnel_epp_scrapes_total")).toBe(14);
    expect(page.get('windtunnel_epp_scrape_failures_total{kind="connect"}')).toBe(6);
    expect(page.get('llm_d_epp_datalayer_poll_errors_total{source_type="metrics-data-source"}')).toBe(8);
    expect(page.get('windtunnel_epp_kv_event_messages_total{kind="unknown-pods"}')).toBe(2);
    expect(page.get('windtunnel_epp_kv_events_total{kind="stored"}')).toBe(9);
  });
});

describe("what clients choose is bounded", () => {
  test("of 1,500 models and 1,500 flows, the page tells 1,000 apart", async () => {
    for (let index = 0; index < 1500; index++) {
      metrics.dispatched(flight({ model: `m${index}`, targetModel: `m${index}`, fairnessId: "f" }));
    }
    const page = await samples();
    const totals = [...page].filter(([name]) => name.startsWith("llm_d_epp_request_total"));
    expect(totals).toHaveLength(1001);
    expect(totals.find(([name]) => name.includes('model_name="other"'))?.[1]).toBe(500);
  });

  test("combinations are bounded too, and every begin finds its end", async () => {
    const many = Array.from({ length: 3000 }, (_, index) =>
      flight({ model: `m${index % 100}`, targetModel: "t", fairnessId: `f${Math.floor(index / 100)}` }),
    );
    for (const one of many) metrics.dispatched(one);
    for (const one of many) metrics.responseEnded({ ...one, end: "aborted", endedAtUs: 2_000_000 });
    const running = [...(await samples())].filter(([name]) => name.startsWith("llm_d_epp_request_running"));
    expect(running.length).toBe(1001);
    expect(running.every(([, value]) => value === 0)).toBe(true);
  });

  test("an overlong name is other; quotes and line ends stay inside their label", async () => {
    metrics.dispatched(flight({ model: "x".repeat(10_000), targetModel: 'a"b\\c\nd' }));
    const labels = 'model_name="other",target_model_name="a\\"b\\\\c\\nd",fairness_id="default-flow",priority="0"';
    expect((await samples()).get(`llm_d_epp_request_total{${labels}}`)).toBe(1);
  });
});

test("upstream's bounds, written as its client writes them", async () => {
  metrics.dispatched(flight());
  const names = [...(await samples()).keys()].filter((name) => name.startsWith("llm_d_epp_request_size_bytes_bucket"));
  const bounds = names.map((name) => /le="([^"]+)"/.exec(name)![1]);
  expect(bounds).toHaveLength(26);
  expect(bounds.slice(13, 17)).toEqual(["524288", "1.048576e+06", "2.097152e+06", "4.194304e+06"]);
  expect(bounds.at(-2)).toBe("1.073741824e+09");
});

test("no name is told twice, and every family has help and type once", async () => {
  metrics.dispatched(flight());
  metrics.responseEnded(finished({ responseStartedAtUs: 1_500_000 }));
  const lines = (await metrics.page()).split("\n");
  const helps = lines.filter((line) => line.startsWith("# HELP ")).map((line) => line.split(" ")[2]);
  expect(new Set(helps).size).toBe(helps.length);
  const types = lines.filter((line) => line.startsWith("# TYPE ")).map((line) => line.split(" ")[2]);
  expect(types).toEqual(helps);
  const rows = lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.slice(0, line.lastIndexOf(" ")));
  expect(new Set(rows).size).toBe(rows.length);
});

test("labels of the table are those that are counted by", () => {
  for (const row of Object.values(METRICS)) {
    const alias = "alias" in row ? row.alias : undefined;
    for (const from of Object.values(alias?.labels ?? {})) expect(row.labels, row.name).toContain(from);
  }
});
