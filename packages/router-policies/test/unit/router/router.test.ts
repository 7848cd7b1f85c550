import type { Decision, DecisionRecord, Dispatched } from "@windtunnel/router-policies";
import { NEVER_SCRAPED_US, Router } from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";
import { config, endpoint, host, outcome, request, router } from "../../support/routing.ts";

const QUEUE = "plugins: [{type: queue-scorer}]\n";
const ROUND_ROBIN = "plugins: [{type: round-robin-picker}]\n";
const PREFILL_ONLY = "plugins: [{type: prefill-filter}]\n";
const LEAST = "plugins: [{type: least-connections-picker}]\n";
const recordOf = (decision: Decision): DecisionRecord => (decision as Dispatched).record!;

describe("requestArrived", () => {
  it("sums weighted scores and picks the greatest total", () => {
    const built = router(
      "plugins: [{type: queue-scorer}, {type: kv-cache-utilization-scorer}]\nschedulingProfiles: [{name: p, plugins: [{pluginRef: queue-scorer, weight: 2}, {pluginRef: kv-cache-utilization-scorer, weight: 3}]}]\n",
      3,
    );
    built.updateMetrics(built.endpoints[0]!, { waitingQueueSize: 4, kvCacheUsageFraction: 0 }, 10);
    built.updateMetrics(built.endpoints[1]!, { waitingQueueSize: 1, kvCacheUsageFraction: 0.5 }, 20);
    built.updateMetrics(built.endpoints[2]!, { waitingQueueSize: 0, kvCacheUsageFraction: 0.9 }, 30);
    // Totals: 2·0 + 3·1 = 3; 2·0.75 + 3·0.5 = 3; 2·1 + 3·0.1 = 2.3.
    const decision = built.requestArrived(request(), 100, true);
    const { profiles, candidates } = recordOf(decision);
    expect(profiles[0]!.totals).toEqual({ e0: 3, e1: 3, e2: 2 + 3 * (1 - 0.9) });
    expect(profiles[0]!.tied).toEqual(["e0", "e1"]);
    expect(profiles[0]!.margin).toBe(0);
    expect(["e0", "e1"]).toContain(outcome(decision));
    expect(candidates.map(({ metricsAgeUs }) => metricsAgeUs)).toEqual([90, 80, 70]);
  });
  it("takes the order of addition for the order of candidates", () => {
    const built = router(ROUND_ROBIN, 3);
    expect([1, 2, 3, 4].map(() => outcome(built.requestArrived(request(), 0)))).toEqual(["e0", "e1", "e2", "e0"]);
    built.removeEndpoint(built.endpoints[0]!);
    expect([1, 2].map(() => outcome(built.requestArrived(request(), 0)))).toEqual(["e2", "e1"]);
  });
  it("gives the same decision with and without a record", () => {
    const plain = router(QUEUE, 5);
    const recorded = router(QUEUE, 5);
    const seen = Array.from({ length: 50 }, () => outcome(plain.requestArrived(request(), 0)));
    expect(Array.from({ length: 50 }, () => outcome(recorded.requestArrived(request(), 0, true)))).toEqual(seen);
    expect(new Set(seen).size).toBe(5);
  });
  it("adds nothing up from one request to the next", () => {
    const built = router(QUEUE, 2);
    built.updateMetrics(built.endpoints[0]!, { waitingQueueSize: 1 }, 0);
    for (let i = 0; i < 3; i++) {
      expect(recordOf(built.requestArrived(request(), 0, true)).profiles[0]!.totals).toEqual({ e0: 0, e1: 1 });
    }
  });
  it("does not normalise totals, except strictly", () => {
    const body =
      "plugins: [{type: queue-scorer}]\nschedulingProfiles: [{name: p, plugins: [{pluginRef: queue-scorer, weight: 4}]}]\n";
    const total = (strict: boolean) =>
      recordOf(router(body, 1, { strict }).requestArrived(request(), 0, true)).profiles[0]!.totals;
    expect(total(false)).toEqual({ e0: 4 });
    expect(total(true)).toEqual({ e0: 1 });
  });
  it("keeps up with more endpoints than its scratch began with", () => {
    const built = router(QUEUE, 100);
    for (const one of built.endpoints) one.metrics.waitingQueueSize = 100 - one.slot;
    expect(outcome(built.requestArrived(request(), 0))).toBe("e99");
  });
});

describe("rejections", () => {
  it("412 when only a cached prefix would do and the target has none", () => {
    const built = router("plugins: [{type: prefix-cache-scorer}]\n", 1);
    const prompt = { promptTokens: 128 };
    const asked = () => outcome(built.requestArrived(request({ ...prompt, onlyIfCached: true }), 0));
    expect(asked()).toBe("412 no decode worker has the requested KV cache");
    // The refused request left no trace; this one does.
    expect(outcome(built.requestArrived(request(prompt), 0))).toBe("e0");
    expect(asked()).toBe("e0");
    expect(outcome(router(QUEUE, 1).requestArrived(request({ ...prompt, onlyIfCached: true }), 0))).toMatch("412");
  });
  it("412 for prefixes of a renamed producer, except strictly", () => {
    const renamed = `plugins:
- {type: approx-prefix-cache-producer, name: mine}
- {type: prefix-cache-scorer, parameters: {prefixMatchInfoProducerName: mine}}
`;
    const again = (strict: boolean) => {
      const built = router(renamed, 1, { strict });
      const asked = () => outcome(built.requestArrived(request({ promptTokens: 128, onlyIfCached: true }), 0));
      const cold = asked();
      built.requestArrived(request({ promptTokens: 128 }), 0);
      return [cold.slice(0, 3), asked().slice(0, 3)];
    };
    expect(again(false)).toEqual(["412", "412"]);
    expect(again(true)).toEqual(["412", "e0"]);
  });
  it("503 without endpoints", () => {
    const decision = router(QUEUE, 0).requestArrived(request(), 0);
    expect(decision).toMatchObject({ status: 503, reason: "rejected-no-endpoints" });
    expect(outcome(decision)).toBe("503 failed to find endpoint candidates for serving the request");
  });
  it("429 when the filters drop all", () => {
    const decision = router(PREFILL_ONLY, 2).requestArrived(request(), 0, true);
    expect(decision).toMatchObject({ status: 429, reason: "rejected-saturated" });
    expect(outcome(decision)).toBe("429 no endpoints available for the given request");
    expect(recordOf(decision)).toMatchObject({ outcome: "rejected", targets: [], reason: "rejected-saturated" });
    expect(recordOf(decision).profiles[0]!.filters).toEqual([{ filter: "prefill-filter", dropped: ["e0", "e1"] }]);
  });
  it("429 for a sheddable request on a saturated pool, before candidates", () => {
    const built = router(QUEUE, 1);
    const shed = "429 system saturated, sheddable request dropped";
    built.updateMetrics(built.endpoints[0]!, { waitingQueueSize: 5 }, 0);
    expect(outcome(built.requestArrived(request({ priority: -1 }), 0))).toBe(shed);
    expect(built.requestArrived(request({ priority: -1 }), 0)).not.toHaveProperty("reason");
    expect(outcome(built.requestArrived(request(), 0))).toBe("e0");
    built.updateMetrics(built.endpoints[0]!, { waitingQueueSize: 4 }, 0);
    expect(outcome(built.requestArrived(request({ priority: -1 }), 0))).toBe("e0");
    expect(outcome(router(QUEUE, 0).requestArrived(request({ priority: -1 }), 0))).toBe(shed);
  });
  it("takes metrics older than 200 ms for saturated, strictly 2 s", () => {
    const shed = (strict: boolean) =>
      outcome(router(QUEUE, 1, { strict }).requestArrived(request({ priority: -1 }), 300_000));
    expect(shed(false)).toMatch(/^429/);
    expect(shed(true)).toBe("e0");
  });
});

describe("subset hint", () => {
  const reached = (subset: readonly string[], strict = false, over = {}) => {
    const built = router(ROUND_ROBIN, 3, { strict, ...over });
    built.addEndpoint({ ...endpoint(3), name: "e1b", address: "10.0.0.1:8001" });
    const seen = Array.from({ length: 4 }, () => outcome(built.requestArrived(request({ subset }), 0)));
    return [...new Set(seen)].sort();
  };
  it("allows by IP, port ignored", () => {
    expect(reached(["10.0.0.1:9999"])).toEqual(["e1", "e1b"]);
    expect(reached(["10.0.0.0:8000", "10.0.0.2:8000"])).toEqual(["e0", "e2"]);
  });
  it("compares the text before the last colon: a bare IP too", () => {
    expect(reached(["10.0.0.1"])).toEqual(["e1", "e1b"]);
  });
  it("strictly honours a port, and an IP without one", () => {
    expect(reached(["10.0.0.1:8001"], true)).toEqual(["e1b"]);
    expect(reached(["10.0.0.1"], true)).toEqual(["e1", "e1b"]);
    expect(reached(["10.0.0.1:9999"], true)).toEqual([
      "503 failed to find endpoint candidates for serving the request",
    ]);
  });
  it("allows none when empty", () => {
    expect(reached([])).toEqual(["503 failed to find endpoint candidates for serving the request"]);
  });
  it("can be switched off", () => {
    expect(reached([], false, { ignoreSubset: true })).toHaveLength(4);
  });
});

describe("bodylessRequestArrived", () => {
  it("ignores the subset and gives 500 on an empty pool", () => {
    const built = router(QUEUE, 3);
    const seen = Array.from({ length: 60 }, () => outcome(built.bodylessRequestArrived(["10.0.0.1:8000"])));
    expect(new Set(seen).size).toBe(3);
    expect(outcome(router(QUEUE, 0).bodylessRequestArrived(undefined))).toBe("500 no pods available in datastore");
  });
  it("strictly honours it and gives 503", () => {
    const built = router(QUEUE, 3, { strict: true });
    expect(outcome(built.bodylessRequestArrived(["10.0.0.1:8000"]))).toBe("e1");
    expect(outcome(router(QUEUE, 0, { strict: true }).bodylessRequestArrived(undefined))).toMatch(/^503/);
  });
});

describe("tickets", () => {
  it("are small, reused, and refused when not in flight", () => {
    const built = router(LEAST, 2);
    const ticket = () => (built.requestArrived(request(), 0) as Dispatched).ticket;
    expect([ticket(), ticket(), ticket()]).toEqual([0, 1, 2]);
    built.responseEnded(1, 0);
    expect(ticket()).toBe(1);
    built.responseEnded(1, 0);
    expect(() => built.responseEnded(1, 0)).toThrow("ticket 1 is not in flight");
    expect(() => built.responseEnded(99, 0)).toThrow("ticket 99 is not in flight");
    for (let i = 1; i < 200; i++) ticket();
    expect(ticket()).toBeLessThanOrEqual(202);
  });
  it("are always 0 when no plugin wants to know of the end", () => {
    const built = router(QUEUE, 2);
    expect(built.needs.responseEnded).toBe(false);
    expect(built.requestArrived(request(), 0)).toMatchObject({ ticket: 0 });
    expect(() => built.responseEnded(0, 0)).not.toThrow();
  });
});

describe("least-connections", () => {
  it("follows requests in flight", () => {
    const built = router(LEAST, 3);
    const go = () => built.requestArrived(request(), 0, true) as Dispatched;
    const first = [go(), go(), go()];
    expect(first.map(outcome).sort()).toEqual(["e0", "e1", "e2"]);
    built.responseEnded(first[1]!.ticket, 0);
    const next = go();
    expect(outcome(next)).toBe(outcome(first[1]!));
    expect(next.record!.candidates.map(({ inFlightRequests }) => inFlightRequests).sort()).toEqual([0, 1, 1]);
  });
});

describe("needs", () => {
  const needs = (body: string) => router(body, 0).needs;
  it("names what plugins read", () => {
    expect(needs(QUEUE)).toMatchObject({ metrics: true, kvEvents: false, responseEnded: false });
    expect(needs(ROUND_ROBIN)).toMatchObject({ metrics: false, metricsForSheddable: true });
    expect(needs(LEAST)).toMatchObject({ metrics: false, responseEnded: true });
  });
});

describe("scores out of range", () => {
  it("are clamped, or thrown when the host wants", () => {
    const broken = (outOfRange: "clamp" | "throw") => {
      const built = router("plugins: [{type: kv-cache-utilization-scorer}]\n", 2, { outOfRange });
      built.endpoints[1]!.metrics.kvCacheUsageFraction = Number.NaN;
      return outcome(built.requestArrived(request(), 0));
    };
    expect(["e0", "e1"]).toContain(broken("clamp"));
    expect(() => broken("throw")).toThrow('scorer "kv-cache-utilization-scorer" gave NaN for e1, expected 0 to 1');
  });
});

describe("endpoints", () => {
  it("start unscraped, and keep values that a scrape lacks", () => {
    const built = router(QUEUE, 0);
    const added = built.addEndpoint(endpoint(0));
    expect(added.metrics.updatedAtUs).toBe(NEVER_SCRAPED_US);
    built.updateMetrics(added, { waitingQueueSize: 3 }, 50);
    built.updateMetrics(added, { runningRequestsSize: 2 }, 60);
    expect(added.metrics).toMatchObject({ waitingQueueSize: 3, runningRequestsSize: 2, updatedAtUs: 60 });
  });
  it("take over the slot of one that is gone", () => {
    const built = router(QUEUE, 3);
    built.removeEndpoint(built.endpoints[1]!);
    expect(built.addEndpoint(endpoint(7)).slot).toBe(1);
    expect(built.endpoints.map(({ name }) => name)).toEqual(["e0", "e2", "e7"]);
    expect(() => built.removeEndpoint(endpoint(9))).toThrow("endpoint e9 is not in the pool");
  });
});

describe("unsupported plugins", () => {
  it("stop a router when they matter, at their line", () => {
    const make = (body: string) => new Router(config(body), host());
    expect(() => make("plugins: [{type: latency-scorer}]\n")).toThrow(
      'epp.yaml:3:18: plugin type "latency-scorer" is known to llm-d, not supported yet',
    );
    const unused = "plugins: [{type: latency-scorer}]\nschedulingProfiles: [{name: p}]\n";
    expect(() => make(unused)).not.toThrow();
    expect(config(unused).unsupported).toEqual([expect.objectContaining({ matters: false })]);
  });
});
