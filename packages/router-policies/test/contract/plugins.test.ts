import {
  builtPlugins,
  type DataKinds,
  type Endpoint,
  type Filter,
  type InferenceRequest,
  type Picker,
  type PluginContext,
  type PluginDefinition,
  pluginTable,
  pluginTypeNames,
  type RandomSource,
  type Scorer,
} from "@windtunnel/router-policies";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { endpoint, request, seeded } from "../support/routing.ts";

const RUNS = { numRuns: 60, seed: 11 };
const SLOTS = 12;
/** Parameters of types that have required ones. */
const REQUIRED: Readonly<Record<string, unknown>> = {
  "by-label": { label: "gpu", validValues: ["h100"] },
  "header-label-affinity-scorer": { headerName: "x-gpu", labelKey: "gpu" },
  "session-id-producer": { headerName: "x-gpu" },
  "utilization-filter": { conditions: [{ metric: "waiting-queue", maxValue: 100 }] },
};

/** Everything that a plugin may look at. */
interface World {
  readonly endpoints: readonly Endpoint[];
  readonly request: InferenceRequest;
  readonly data: DataKinds;
  readonly seed: number;
  readonly peer: Endpoint | undefined;
}

const placeOf = (zone: string) => ({ host: "", rack: "", zone, region: "eu" });

const gauge = fc.integer({ min: 0, max: 200 });
const endpointArbitrary = (slot: number): fc.Arbitrary<Endpoint> =>
  fc
    .record({
      metrics: fc.record({
        waitingQueueSize: gauge,
        runningRequestsSize: gauge,
        kvCacheUsageFraction: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1.2, noNaN: true })),
        updatedAtUs: fc.constantFrom(-1, 0, 900_000, 1_000_000),
      }),
      labels: fc.record(
        {
          "llm-d.ai/role": fc.constantFrom("prefill", "decode", "both", "x"),
          gpu: fc.constantFrom("h100", "l4"),
          zone: fc.constantFrom("a", "b"),
        },
        { requiredKeys: [] },
      ),
    })
    .map(({ metrics, labels }) => endpoint(slot, metrics, labels as Record<string, string>));

const slotNumbers = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: SLOTS, maxLength: SLOTS });
const world: fc.Arbitrary<World> = fc
  .record({
    all: fc.tuple(...Array.from({ length: SLOTS }, (_, slot) => endpointArbitrary(slot))),
    count: fc.integer({ min: 1, max: SLOTS }),
    order: fc.shuffledSubarray(
      Array.from({ length: SLOTS }, (_, i) => i),
      { minLength: SLOTS },
    ),
    matches: slotNumbers,
    inFlight: slotNumbers,
    available: fc.boolean(),
    promptTokens: fc.integer({ min: 0, max: 5000 }),
    headers: fc.constantFrom<Record<string, string>>(
      {},
      { "test-epp-endpoint-selection": "10.0.0.3,10.0.0.0:8000" },
      { "x-gpu": "l4" },
    ),
    seed: fc.integer(),
  })
  .map(({ all, count, order, matches, inFlight, available, promptTokens, headers, seed }) => ({
    endpoints: order.slice(0, count).map((slot) => all[slot]!),
    request: request({ promptTokens, headers }),
    seed,
    peer: seed % 3 === 0 ? undefined : all[0],
    data: {
      "prefix-match": {
        available,
        totalBlocks: available ? 50 : 0,
        blockSizeTokens: 64,
        matchBlocks: Float64Array.from(matches, (blocks) => (available ? blocks : 0)),
        cachedBlocks: Float64Array.from(matches, (blocks) => (available ? blocks : 0)),
      },
      "in-flight-load": { requests: Int32Array.from(inFlight), tokens: Float64Array.from(inFlight, (n) => n * 1e5) },
      "uncached-tokens": { tokens: Float64Array.from(matches, (n) => n * 64) },
      tokens: { available, promptTokens },
      session: { id: available ? "s" : undefined },
      topology: { places: all.map(({ labels }) => (labels.zone === undefined ? undefined : placeOf(labels.zone))) },
    },
  }));

function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  for (const inner of Object.values(value)) deepFreeze(inner);
  return Object.freeze(value);
}

/** A fresh instance, so that one check does not colour the next. */
function build<T>(definition: PluginDefinition, { data, seed, peer }: World, random: RandomSource = seeded(seed)): T {
  const context: PluginContext = {
    name: definition.type,
    random,
    strict: false,
    data: ((kind: keyof DataKinds) => data[kind]) as PluginContext["data"],
    decider: () => ({ disaggregate: () => seed % 2 === 0 }),
    peer: { endpoint: peer },
  };
  const parameters = definition.parameters.parse(REQUIRED[definition.type] ?? {});
  return definition.create(parameters as never, context) as T;
}

const NOW_US = 1_000_000;
const scores = (definition: PluginDefinition, at: World, endpoints: readonly Endpoint[]): Float64Array => {
  const written = new Float64Array(endpoints.length);
  build<Scorer>(definition, at).score(at.request, endpoints, written, NOW_US);
  return written;
};
const filtered = (definition: PluginDefinition, at: World): Endpoint[] => [
  ...build<Filter>(definition, at).filter(at.request, at.endpoints, NOW_US),
];
const picked = (definition: PluginDefinition, at: World): Endpoint[] => {
  const totals = Float64Array.from(at.endpoints, ({ slot }) => (slot * 7) % 3);
  return [...build<Picker>(definition, at).pick(at.request, at.endpoints, totals, NOW_US)];
};

const ofRole = (role: string): readonly PluginDefinition[] => builtPlugins.filter((one) => one.role === role);
const check = (property: (at: World) => void): void => {
  fc.assert(
    fc.property(world, (at) => {
      property(at);
    }),
    RUNS,
  );
};
const frozen = (at: World): World => ({
  ...at,
  endpoints: deepFreeze(at.endpoints),
  request: deepFreeze(at.request),
});
const copyOf = (data: DataKinds): string =>
  JSON.stringify(data, (_, value) => (ArrayBuffer.isView(value) ? [...(value as Float64Array)] : value));

describe.each(ofRole("scorer").map((one) => [one.type, one] as const))("scorer %s", (_, definition) => {
  it("gives every candidate a score in [0, 1]", () => {
    check((at) => {
      for (const score of scores(definition, at, at.endpoints)) expect(score >= 0 && score <= 1).toBe(true);
    });
  });
  it("changes neither endpoints nor request nor data", () => {
    check((at) => {
      const before = copyOf(at.data);
      scores(definition, frozen(at), at.endpoints);
      expect(copyOf(at.data)).toBe(before);
    });
  });
  it.skipIf(definition.orderDependent)("does not depend on the order of candidates", () => {
    check((at) => {
      const forward = scores(definition, at, at.endpoints);
      const backward = scores(definition, at, at.endpoints.toReversed());
      expect([...backward].reverse()).toEqual([...forward]);
    });
  });
  it("gives the same again", () => {
    check((at) => expect(scores(definition, at, at.endpoints)).toEqual(scores(definition, at, at.endpoints)));
  });
});

describe.each(ofRole("filter").map((one) => [one.type, one] as const))("filter %s", (_, definition) => {
  it("gives some of the candidates, each once", () => {
    check((at) => {
      const kept = filtered(definition, at);
      expect(new Set(kept).size).toBe(kept.length);
      for (const one of kept) expect(at.endpoints).toContain(one);
    });
  });
  it.skipIf("reorders" in definition && definition.reorders)("keeps their order", () => {
    check((at) => {
      const kept = new Set(filtered(definition, at));
      expect(at.endpoints.filter((one) => kept.has(one))).toEqual([...kept]);
    });
  });
  it("changes neither endpoints nor request", () => {
    check((at) => void filtered(definition, frozen(at)));
  });
  it("gives the same again under the same seed", () => {
    check((at) => expect(filtered(definition, at)).toEqual(filtered(definition, at)));
  });
});

describe.each(ofRole("picker").map((one) => [one.type, one] as const))("picker %s", (_, definition) => {
  it("picks one of the candidates", () => {
    check((at) => {
      const targets = picked(definition, at);
      expect(targets).toHaveLength(1);
      expect(at.endpoints).toContain(targets[0]);
    });
  });
  it("changes neither endpoints nor request", () => {
    check((at) => void picked(definition, frozen(at)));
  });
  it("gives the same again under the same seed", () => {
    check((at) => expect(picked(definition, at)).toEqual(picked(definition, at)));
  });
  it("explains ties by candidates only", () => {
    check((at) => {
      const totals = new Float64Array(at.endpoints.length);
      const tied = build<Picker>(definition, at).tied?.(at.endpoints, totals) ?? [];
      for (const one of tied) expect(at.endpoints).toContain(one);
      expect(tied.length).not.toBe(1);
    });
  });
});

describe.each(ofRole("producer").map((one) => [one.type, one] as const))("producer %s", (_, definition) => {
  it("produces what it declares, and changes neither endpoints nor request", () => {
    check((at) => {
      const { endpoints, request: asked } = frozen(at);
      const producer = build<{
        data: Partial<DataKinds>;
        produce(r: InferenceRequest, e: readonly Endpoint[], nowUs: number): void;
        endpointAdded?(one: Endpoint): void;
      }>(definition, at);
      for (const one of endpoints) producer.endpointAdded?.(one);
      producer.produce(asked, endpoints, NOW_US);
      expect(Object.keys(producer.data).sort()).toEqual([...(definition.produces ?? [])].sort());
    });
  });
});

describe("registry", () => {
  it("has each name once", () => {
    const names = builtPlugins.flatMap(({ type, aliases = [] }) => [type, ...aliases]);
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(pluginTypeNames).size).toBe(pluginTypeNames.length);
  });
  it("describes every plugin that it builds, with its parameters", () => {
    const table = pluginTable();
    for (const row of table.filter(({ status }) => status === "built")) expect(row.summary, row.type).not.toBe("");
    expect(table.find(({ type }) => type === "load-aware-scorer")).toMatchObject({
      role: "scorer",
      status: "built",
      parameters: [{ name: "threshold", defaultValue: 128, description: "waiting requests; 0 and less: 128" }],
    });
    expect(table.filter(({ baseline }) => baseline).map(({ type }) => type)).toEqual([
      "least-connections-picker",
      "power-of-two-choices-picker",
      "round-robin-picker",
    ]);
  });
});
