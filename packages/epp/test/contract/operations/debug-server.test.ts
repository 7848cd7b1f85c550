import { request as httpRequest } from "node:http";
import { loadEndpointPickerConfig, Router } from "@windtunnel/router-policies";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LiveRouter } from "../../../src/host/live-router.ts";
import { startDebugServer } from "../../../src/operations/debug-server.ts";
import { DecisionRing } from "../../../src/operations/decision-ring.ts";
import { InFlight } from "../../../src/operations/in-flight.ts";
import { request } from "../../unit/operations/flights.ts";

const CONFIG = `
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
  - type: queue-scorer
  - type: decode-filter
  - type: active-request-scorer
schedulingProfiles:
  - name: default
    plugins:
      - { pluginRef: decode-filter }
      - { pluginRef: queue-scorer, weight: 2 }
      - { pluginRef: active-request-scorer }
`;
const ENDPOINTS = [
  { name: "pod-a", namespace: "prod", address: "10.0.0.1:8000", labels: { zone: "<b>" } },
  { name: "pod-b", namespace: "prod", address: "10.0.0.2:8000", labels: {} },
  { name: "pod-c", namespace: "prod", address: "10.0.0.3:8000", labels: { "llm-d.ai/role": "prefill" } },
];

let nowUs = 5_000_000;
let live: LiveRouter;
let decisions: DecisionRing;
let server: Awaited<ReturnType<typeof startDebugServer>>;

beforeEach(async () => {
  nowUs = 5_000_000;
  const clock = { nowUs: () => nowUs };
  const config = loadEndpointPickerConfig(CONFIG, { file: "config.yaml" });
  const router = new Router(config, { random: () => ({ next: () => 0 }) as never });
  decisions = new DecisionRing();
  live = new LiveRouter(router, { clock, explain: (_, atUs) => decisions.wantsExplanation(atUs) });
  const inFlight = new InFlight();
  live.observe(decisions);
  live.observe(inFlight);
  live.setEndpoints(ENDPOINTS);
  live.metricsScraped(live.endpoints[1]!, { waitingQueueSize: 3 });
  const flags = { "metrics-port": 9090, "renderer-url": "http://me:hunter2@host/", "some-password": "hunter2" };
  server = await startDebugServer({ live, clock, decisions, inFlight, config, flags }, 0);
});

afterEach(() => server.close());

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly policy: string;
  readonly text: string;
}

function get(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port: server.port, path, headers, method, agent: false };
    const sent = httpRequest(options, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () =>
        resolve({
          status: response.statusCode!,
          type: response.headers["content-type"]!,
          policy: String(response.headers["content-security-policy"]),
          text,
        }),
      );
    });
    sent.on("error", reject).end();
  });
}

const json = async <T>(path: string): Promise<T> => JSON.parse((await get(path)).text) as T;
const asHtml = { accept: "text/html,application/xhtml+xml" };

function decide(id: string) {
  const answer = live.arrived(request({ id, receivedAtUs: nowUs - 2000 }));
  if (!("flight" in answer)) throw new Error("refused");
  return answer.flight;
}

test("the configuration in force: plugins with their defaults, flags, no credentials", async () => {
  const page = await json<{
    flags: Record<string, unknown>;
    config: { plugins: { type: string; injected: boolean }[] };
  }>("/debug/config");
  expect(page.flags["metrics-port"]).toBe(9090);
  const types = page.config.plugins.map(({ type }) => type);
  expect(types).toEqual(expect.arrayContaining(["queue-scorer", "decode-filter", "max-score-picker"]));
  for (const headers of [{}, asHtml]) expect((await get("/debug/config", headers)).text).not.toContain("hunter2");
});

test("endpoints with the age of their signals and what is in flight", async () => {
  decide("one");
  nowUs += 250_000;
  const [a, b] = await json<Record<string, unknown>[]>("/debug/endpoints");
  expect(a).toMatchObject({ name: "pod-a", metricsAgeSeconds: null, inFlightRequests: 1, labels: { zone: "<b>" } });
  expect(b).toMatchObject({ name: "pod-b", waitingQueueSize: 3, metricsAgeSeconds: 0.25, inFlightRequests: 0 });
  const page = await get("/debug/endpoints", asHtml);
  expect(page.text).toContain("zone=&lt;b&gt;");
  expect(page.text).toContain("never scraped");
});

test("a decision with its full explanation and what came of it", async () => {
  const flight = decide("one");
  nowUs += 1_000_000;
  flight.usage = { promptTokens: 10, outputTokens: 4 };
  live.responseEnded(flight, "completed");
  const [listed] = await json<Record<string, unknown>[]>("/debug/decisions");
  const single = await json<{ record: object; response: object; agoSeconds: number }>("/debug/decisions/one");
  expect(single).toEqual(listed);
  expect(single.record).toEqual(flight.record);
  expect(single).toMatchObject({ agoSeconds: 1, response: { end: "completed", usage: { outputTokens: 4 } } });
});

test("a table of endpoints and scorers, for the eye", async () => {
  decide("one");
  const { text, type, policy } = await get("/debug/decisions/one", asHtml);
  expect(type).toBe("text/html; charset=utf-8");
  expect(policy).toContain("default-src 'none'");
  const rows = [...text.matchAll(/<tr class="(\w*)">(.*?)<\/tr>/gs)].map(([, look, row]) => [
    look,
    ...[...row!.matchAll(/<td[^>]*>(.*?)<\/td>/g)].map(([, cell]) => cell),
  ]);
  expect(rows.map((row) => [row[0], row[1], row.at(-1)])).toEqual([
    ["picked", "pod-a", "picked"],
    ["", "pod-b", ""],
    ["dropped", "pod-c", "dropped by decode-filter"],
  ]);
  // Waiting 0 of 3 at most: 1, twice; and nothing in flight anywhere: 1.
  expect(rows[0]!.slice(2, 5)).toEqual(["1 → 2", "1 → 1", "3"]);
  expect(rows[1]!.slice(2, 5)).toEqual(["0 → 0", "1 → 1", "1"]);
});

test("?explain=next explains the next one, though it is too early", async () => {
  decide("one");
  nowUs += 1000;
  decide("two");
  await get("/debug/decisions?explain=next");
  decide("three");
  const list = await json<{ request: { id: string } }[]>("/debug/decisions");
  expect(list.map(({ request }) => request.id)).toEqual(["three", "one"]);
});

describe("who gets in", () => {
  test.each(["localhost", "localhost:9004", "127.0.0.1:9004", "[::1]:9004"])("%s", async (host) => {
    expect((await get("/debug", { host })).status).toBe(200);
  });

  test.each(["evil.example", "evil.example:9004", "127.0.0.1.evil.example", "10.0.0.1:9004", "localhost.evil:1"])(
    "not %s, by whatever name it is called",
    async (host) => {
      const answer = await get("/debug/config", { host });
      expect(answer.status).toBe(403);
      expect(answer.text).not.toContain("plugins");
    },
  );

  test("not a page elsewhere, through a browser", async () => {
    expect((await get("/debug", { "sec-fetch-site": "cross-site" })).status).toBe(403);
    expect((await get("/debug", { "sec-fetch-site": "same-origin" })).status).toBe(200);
    expect((await get("/debug", { "sec-fetch-site": "none" })).status).toBe(200);
  });
});

test("names that clients choose stay text", async () => {
  const id = `<script>alert("x")</script>'&/..%`;
  decide(id);
  const pages = [await get("/debug/decisions", asHtml)];
  const link = /href="(\/debug\/decisions\/[^"?]+)"/.exec(pages[0]!.text)![1]!.replaceAll("&#39;", "'");
  pages.push(await get(link, asHtml));
  for (const page of pages) {
    expect(page.status).toBe(200);
    expect(page.text).not.toContain("<script");
    expect(page.text).toContain("&lt;script&gt;");
  }
});

test("what is not there", async () => {
  expect((await get("/debug/decisions/nobody")).status).toBe(404);
  expect((await get("/debug/decisions/%")).status).toBe(404);
  expect((await get("/metrics")).status).toBe(404);
  expect((await get("/debug", {}, "POST")).status).toBe(405);
  expect((await get("/", asHtml)).text).toContain("/debug/endpoints");
  expect((await get("/debug/decisions", asHtml)).status).toBe(200);
});
