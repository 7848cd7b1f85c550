import { loadEndpointPickerConfig, Router } from "@windtunnel/router-policies";
import { afterEach, expect, test } from "vitest";
import { LiveRouter } from "../../../src/host/live-router.ts";
import { DecisionRing } from "../../../src/operations/decision-ring.ts";
import { createLog } from "../../../src/operations/log.ts";
import { Operations } from "../../../src/operations/operations.ts";
import { request } from "../../unit/operations/flights.ts";

const CONFIG = "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n";
const SECRET = "the prompt and the header";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).toReversed()) await each();
});

async function start(debugPort: number | undefined) {
  const lines: string[] = [];
  let nowUs = 1_000_000;
  const clock = {
    nowUs: () => {
      nowUs += 10;
      return nowUs;
    },
  };
  const config = loadEndpointPickerConfig(CONFIG, { file: "config.yaml" });
  const router = new Router(config, { random: () => ({ next: () => 0 }) as never });
  const decisions = new DecisionRing();
  const live = new LiveRouter(router, { clock, explain: (_, atUs) => decisions.wantsExplanation(atUs) });
  const log = createLog({ verbosity: 4, write: (line) => void lines.push(line) });
  const names = { poolName: "pool", version: "0.1.0" };
  const operations = new Operations({ live, clock, log, decisions, accessLog: true, ...names });
  undo.push(() => operations.stop());
  live.setEndpoints([{ name: "pod-a", namespace: "prod", address: "10.0.0.1:8000", labels: {} }]);
  await operations.listen({ host: "127.0.0.1", port: 0 });
  if (debugPort !== undefined) await operations.listenDebug(debugPort, { config, flags: {} });
  return { operations, live, lines };
}

const text = async (port: number, path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text();

test("one request shows in the metrics, on the debug pages and in the log, and its content in none", async () => {
  const { operations, live, lines } = await start(0);
  const answer = live.arrived(request({ header: () => SECRET, receivedAtUs: 1_000_000 }));
  if (!("flight" in answer)) throw new Error("refused");
  live.responseStarted(answer.flight);
  live.responseEnded(answer.flight, "completed");
  const pages = [
    await text(operations.metricsPort, "/metrics"),
    await text(operations.debugPort, "/debug/decisions/r-1"),
    await text(operations.debugPort, "/debug/endpoints"),
    lines.join(""),
  ];
  expect(pages[0]).toMatch(/^llm_d_epp_request_total\{model_name="llama",.*\} 1$/m);
  expect(pages[0]).toMatch(/^process_cpu_seconds_total /m);
  expect(JSON.parse(pages[1]!)).toMatchObject({ record: { requestId: "r-1" }, response: { end: "completed" } });
  expect(JSON.parse(pages[2]!)).toMatchObject([{ name: "pod-a", inFlightRequests: 0 }]);
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([{ msg: "request", requestId: "r-1" }]);
  expect(pages.join("")).not.toContain(SECRET);
});

test("without debug pages there is no port for them", async () => {
  const { operations } = await start(undefined);
  expect(operations.debugPort).toBe(0);
  expect(operations.metricsPort).toBeGreaterThan(0);
});
