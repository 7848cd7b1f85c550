import { builtPlugins, type FilterDefinition } from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";
import { context } from "../../support/prompts.ts";
import { config, endpoint, request } from "../../support/routing.ts";

const build = (type: string, parameters: object, data = {}) => {
  const definition = builtPlugins.find((one) => one.type === type) as FilterDefinition<unknown>;
  return definition.create(definition.parameters.parse(parameters), context(data));
};
const load = (requests: number[], tokens: number[] = requests.map(() => 0)) => ({
  "in-flight-load": { requests: Int32Array.from(requests), tokens: Float64Array.from(tokens) },
});

describe("utilization-filter", () => {
  const endpoints = [
    endpoint(0, { waitingQueueSize: 2, runningRequestsSize: 8, kvCacheUsageFraction: 0.5 }),
    endpoint(1, { waitingQueueSize: 3, runningRequestsSize: 4, kvCacheUsageFraction: 0.9 }),
    endpoint(2, {}),
  ];
  const kept = (conditions: object[], more = {}): string[] =>
    build("utilization-filter", { conditions, ...more }, load([7, 1]))
      .filter(request(), endpoints, 0)
      .map(({ name }) => name);
  it.each([
    ["waiting-queue", 2, ["e0", "e2"]],
    ["running-requests", 4, ["e1", "e2"]],
    ["kv-cache-utilization", 0.5, ["e0", "e2"]],
    ["active-requests", 1, ["e1", "e2"]],
  ])("keeps %s up to %f", (metric, maxValue, names) => expect(kept([{ metric, maxValue }])).toEqual(names));
  it("wants all conditions to hold", () => {
    const both = [
      { metric: "waiting-queue", maxValue: 2 },
      { metric: "active-requests", maxValue: 1 },
    ];
    expect(kept(both)).toEqual(["e2"]);
  });
  it("may keep none, or then all", () => {
    const none = [{ metric: "waiting-queue", maxValue: -1 }];
    expect(kept(none)).toEqual([]);
    expect(kept(none, { fallbackOnEmpty: true })).toEqual(["e0", "e1", "e2"]);
  });
});

describe("concurrency-detector", () => {
  const endpoints = [endpoint(0), endpoint(1)];
  const detector = (parameters: object, requests: number[], tokens?: number[]) =>
    build("concurrency-detector", parameters, load(requests, tokens));
  it("divides what is in flight by the capacity", () => {
    const given = { maxConcurrency: 10, maxTokenConcurrency: 1000 };
    const saturation = (concurrencyMode: string): number =>
      detector({ ...given, concurrencyMode }, [2, 8], [900, 100]).saturation!(endpoints, 0);
    expect(saturation("requests")).toBeCloseTo(10 / 20, 12);
    expect(saturation("tokens")).toBeCloseTo(1000 / 2000, 12);
    // max(0.2, 0.9) and max(0.8, 0.1)
    expect(saturation("hybrid")).toBeCloseTo((0.9 + 0.8) / 2, 12);
    expect(detector({}, []).saturation!([], 0)).toBe(1);
  });
  it("drops full endpoints, all if need be; headroom lets more through", () => {
    const kept = (parameters: object, requests: number[], tokens?: number[]): string[] =>
      detector(parameters, requests, tokens)
        .filter(request(), endpoints, 0)
        .map(({ name }) => name);
    expect(kept({ maxConcurrency: 5 }, [4, 5])).toEqual(["e0"]);
    expect(kept({ maxConcurrency: 5 }, [5, 5])).toEqual([]);
    // ⌊5 · 1.3⌋ = 6
    expect(kept({ maxConcurrency: 5, headroom: 0.3 }, [5, 6])).toEqual(["e0"]);
    expect(kept({ concurrencyMode: "tokens", maxTokenConcurrency: 10 }, [500, 0], [9, 10])).toEqual(["e0"]);
    expect(kept({ concurrencyMode: "hybrid", maxConcurrency: 5, maxTokenConcurrency: 10 }, [5, 4], [0, 9])).toEqual([
      "e1",
    ]);
  });
  it("may be the saturation detector", () => {
    const loaded = config(`plugins: [{type: concurrency-detector}, {type: queue-scorer}]
flowControl: {saturationDetector: {pluginRef: concurrency-detector}}
`);
    expect(loaded.saturationDetector).toBe("concurrency-detector");
    expect(loaded.plugins.map(({ name }) => name)).toContain("inflight-load-producer");
    expect(() => config("plugins: [{type: queue-scorer}]\nsaturationDetector: {pluginRef: queue-scorer}\n")).toThrow(
      /"queue-scorer" is a scorer, expected a saturation detector/,
    );
  });
});
