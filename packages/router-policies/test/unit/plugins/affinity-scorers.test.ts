import { builtPlugins, type Dispatched, type ScorerDefinition } from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";
import { context } from "../../support/prompts.ts";
import { endpoint, outcome, request, router } from "../../support/routing.ts";

const build = (type: string, parameters: object = {}, data = {}) => {
  const definition = builtPlugins.find((one) => one.type === type) as ScorerDefinition<unknown>;
  return definition.create(definition.parameters.parse(parameters), context(data));
};

describe("lora-affinity-scorer", () => {
  const score = (lora: object | undefined): number => {
    const scores = new Float64Array(1);
    const one = endpoint(0, lora === undefined ? {} : { lora: { running: [], waiting: [], maxActive: 0, ...lora } });
    build("lora-affinity-scorer").score(request({ targetModel: "a" }), [one], scores, 0);
    return scores[0]!;
  };
  it.each([
    [{ running: ["a"], maxActive: 1 }, 1],
    [{ running: ["b"], waiting: ["a"], maxActive: 3 }, 0.8],
    [{ running: ["b"], waiting: ["a"], maxActive: 2 }, 0.6],
    [{ running: ["b"], waiting: ["c"], maxActive: 2 }, 0],
    [{ running: [], waiting: [], maxActive: 0 }, 0],
    [undefined, 0],
  ])("%j scores %f", (lora, expected) => expect(score(lora)).toBe(expected));

  it.each([
    [{ running: ["a", "b"], waiting: ["c"], maxActive: 4 }, "runs a, b; 1 waiting, room for 4"],
    [
      { running: [..."abcdefghij"], waiting: [], maxActive: 16 },
      "runs a, b, c, d, e, f, g, h and 2 more; 0 waiting, room for 16",
    ],
    [{ running: [], waiting: [], maxActive: 4 }, "runs no adapter; 0 waiting, room for 4"],
    [undefined, "tells of no adapters"],
  ])("%j is explained as %j", (lora, explained) => {
    const scorer = build("lora-affinity-scorer");
    expect(scorer.facts!(endpoint(0, lora === undefined ? {} : { lora }))).toBe(explained);
  });
});

describe("header-label-affinity-scorer", () => {
  it("scores 1 where the label is the header's value", () => {
    const scorer = build("header-label-affinity-scorer", { headerName: "X-Zone", labelKey: "zone" });
    const endpoints = [endpoint(0, {}, { zone: "a" }), endpoint(1, {}, { zone: "b" }), endpoint(2)];
    const scores = new Float64Array(3);
    scorer.score(request({ headers: { "x-zone": "b" } }), endpoints, scores, 0);
    expect([...scores]).toEqual([0, 1, 0]);
    scores.fill(0);
    scorer.score(request({ headers: { "x-zone": "" } }), endpoints, scores, 0);
    expect([...scores]).toEqual([0, 0, 0]);
  });
});

describe("context-length-aware", () => {
  const LABEL = "llm-d.ai/context-length-range";
  const tokens = (promptTokens: number) => ({ tokens: { available: promptTokens > 0, promptTokens } });
  const score = (range: string | undefined, promptTokens: number): number => {
    const scores = new Float64Array(1);
    const one = endpoint(0, {}, range === undefined ? {} : { [LABEL]: range });
    build("context-length-aware", {}, tokens(promptTokens)).score(request(), [one], scores, 0);
    return scores[0]!;
  };
  it.each([
    // 0.3 + 0.7 · (0.7 / (1 + 1) + 0.3 · 5000 / 10000) = 0.3 + 0.7 · 0.5
    ["0-10000", 5000, 0.65],
    // 0.3 + 0.7 · (0.7 / 1.1 + 0.3 · 0)
    ["1000-2000", 2000, 0.3 + 0.7 * (0.7 / 1.1)],
    ["512-512", 512, 1],
    // 0.3 / (1 + 1000 / 1000)
    ["0-1000", 2000, 0.15],
    ["3000-4000", 2000, 0.15],
    [undefined, 2000, 0.5],
    ["many", 2000, 0],
    ["2000-1000", 1500, 0],
    [" 0 - +10000 ", 5000, 0.65],
    ["0-10000", 0, 0.3 + 0.7 * (0.35 + 0.3)],
  ])("%s scores a prompt of %d tokens", (range, promptTokens, expected) => {
    expect(score(range, promptTokens)).toBeCloseTo(expected, 12);
  });
  it("filters only when told: endpoints in range and without a range stay, broken ranges go", () => {
    const ranges = ["0-100", "50-200", undefined, "x"];
    const endpoints = ranges.map((range, i) => endpoint(i, {}, range === undefined ? {} : { [LABEL]: range }));
    const filtering = build("context-length-aware", { enableFiltering: true }, tokens(150));
    expect(filtering.filter!(request(), endpoints, 0).map(({ name }) => name)).toEqual(["e1", "e2"]);
    expect(build("context-length-aware", {}, tokens(150)).filter).toBeUndefined();
  });
});

describe("topology plugins", () => {
  const place = (host: string, rack: string, zone: string, region: string): Record<string, string> => ({
    "kubernetes.io/hostname": host,
    "topology.kubernetes.io/rack": rack,
    "topology.kubernetes.io/zone": zone,
    "topology.kubernetes.io/region": region,
  });
  /** e0 decodes; e1 to e5 prefill: on its host, in its rack, zone, region, elsewhere. */
  const PLACES = [
    place("h1", "r1", "z1", "eu"),
    place("h1", "r1", "z1", "eu"),
    place("h2", "r1", "z1", "eu"),
    place("h3", "r2", "z1", "eu"),
    place("h4", "r3", "z2", "eu"),
    place("h5", "r4", "z3", "us"),
  ];
  const text = (plugin: string, extractor = "- type: topology-extractor\n"): string => `plugins:
- {type: disagg-profile-handler, parameters: {deciders: {prefill: always-disagg-pd-decider}}}
- type: always-disagg-pd-decider
${extractor}- ${plugin}
- type: prefill-filter
- type: decode-filter
schedulingProfiles:
- {name: decode, plugins: [{pluginRef: decode-filter}]}
- {name: prefill, plugins: [{pluginRef: prefill-filter}, {pluginRef: it, weight: 1}]}
`;
  function decide(plugin: string, extractor?: string, kept = [0, 1, 2, 3, 4, 5]): Dispatched {
    const built = router(text(plugin, extractor), 0, { allowExperimentalPlugins: true });
    for (const i of kept) {
      const labels = { ...PLACES[i]!, "llm-d.ai/role": i === 0 ? "decode" : "prefill" };
      built.addEndpoint({ name: `e${i}`, namespace: "n", address: `10.0.0.${i}:1`, labels });
    }
    const decision = built.requestArrived(request(), 0, true);
    if (decision.kind !== "dispatched") throw new Error(outcome(decision));
    return decision;
  }
  const scores = (decision: Dispatched) =>
    decision.record!.profiles.find(({ profile }) => profile === "prefill")!.scorers[0]!.scores;
  const dropped = (decision: Dispatched) =>
    decision.record!.profiles.find(({ profile }) => profile === "prefill")!.filters[1]!.dropped;

  it("score by the closest place in common with the decode endpoint", () => {
    const decision = decide("{type: topology-affinity-scorer, name: it}");
    expect(scores(decision)).toEqual({ e1: 1, e2: 0.2, e3: 0.05, e4: 0.02, e5: 0 });
    expect(decision.legs!.prefill!.name).toBe("e1");
  });
  it("score 0 without the extractor, and warn", () => {
    const decision = decide("{type: topology-affinity-scorer, name: it}", "");
    expect(scores(decision)).toEqual({ e1: 0, e2: 0, e3: 0, e4: 0, e5: 0 });
  });
  it.each([
    ["host", ["e2", "e3", "e4", "e5"]],
    ["rack", ["e3", "e4", "e5"]],
    ["zone", ["e4", "e5"]],
    ["region", ["e5"]],
  ])("keep what is at least in the same %s", (level, gone) => {
    const decision = decide(`{type: topology-affinity-filter, name: it, parameters: {minAffinity: ${level}}}`);
    expect(dropped(decision)).toEqual(gone);
  });
  it("keep all where none is close enough", () => {
    expect(dropped(decide("{type: topology-affinity-filter, name: it}", undefined, [0, 2, 3]))).toEqual([]);
  });
  it("read the labels that the extractor is told", () => {
    const extractor = "- {type: topology-extractor, name: mine, parameters: {hostname: topology.kubernetes.io/zone}}\n";
    const plugin = "{type: topology-affinity-filter, name: it, parameters: {topologyProducerName: mine}}";
    expect(dropped(decide(plugin, extractor))).toEqual(["e4", "e5"]);
  });
  it("know nothing of the request before", () => {
    const built = router(text("{type: topology-affinity-scorer, name: it}"), 0, { allowExperimentalPlugins: true });
    const decode = built.addEndpoint({ name: "d", namespace: "n", address: "10.0.0.1:1", labels: PLACES[0]! });
    built.requestArrived(request(), 0);
    built.removeEndpoint(decode);
    const decision = built.requestArrived(request(), 0, true);
    expect(decision.kind).toBe("rejected");
  });
});
