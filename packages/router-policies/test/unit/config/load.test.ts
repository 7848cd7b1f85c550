import { loadEndpointPickerConfig, presetNames, presetText, Router } from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";
import { names, notes, parametersOf } from "../../support/loaded.ts";
import { config, host } from "../../support/routing.ts";

describe("defaults", () => {
  it("makes one profile of all filters, scorers and pickers, with a picker and the single handler", () => {
    const loaded = config("plugins:\n- type: queue-scorer\n- type: decode-filter\n");
    expect(loaded.schedulingProfiles).toEqual([
      {
        name: "default",
        plugins: [
          { plugin: "queue-scorer", weight: 1 },
          { plugin: "decode-filter", weight: 1 },
          { plugin: "max-score-picker", weight: 1 },
        ],
      },
    ]);
    expect(loaded.profileHandler).toBe("single-profile-handler");
    expect(loaded.saturationDetector).toBe("utilization-detector");
    expect(loaded.requestHandler.parsers).toEqual([
      "openai-parser",
      "anthropic-parser",
      "vllmhttp-parser",
      "passthrough-parser",
    ]);
    expect(loaded.dataLayer).toEqual({
      injectDefaults: true,
      sources: [{ plugin: "metrics-data-source", extractors: ["core-metrics-extractor"] }],
    });
    expect(parametersOf(loaded, "utilization-detector")).toEqual({
      queueDepthThreshold: 5,
      kvCacheUtilThreshold: 0.8,
      headroom: 0,
    });
  });
  it("gives a profile without a picker the listed one", () => {
    const body = "plugins:\n- type: queue-scorer\n- type: random-picker\n";
    const loaded = config(`${body}schedulingProfiles:\n- name: p\n  plugins:\n  - pluginRef: queue-scorer\n`);
    expect(loaded.schedulingProfiles[0]!.plugins[1]).toEqual({ plugin: "random-picker", weight: 1 });
    expect(names(loaded)).not.toContain("max-score-picker");
  });
  it("keeps weights of 0 and less", () => {
    const profile = (weight: string) =>
      `schedulingProfiles:\n- name: p\n  plugins:\n  - {pluginRef: queue-scorer, weight: ${weight}}\n`;
    for (const weight of [0, -2.5]) {
      const loaded = config(`plugins: [{type: queue-scorer}]\n${profile(String(weight))}`);
      expect(loaded.schedulingProfiles[0]!.plugins[0]!.weight).toBe(weight);
    }
  });
  it("creates what a required datum lacks", () => {
    const loaded = config("plugins: [{type: least-connections-picker}]\n");
    const injected = loaded.plugins.filter((plugin) => plugin.injected).map(({ name }) => name);
    expect(injected).toContain("inflight-load-producer");
    expect(injected).toContain("token-producer");
  });
  it("does not create uncached-token data, except strictly", () => {
    const text = "plugins:\n- type: token-load-scorer\n";
    const message = 'epp.yaml:4:9: "token-load-scorer" needs uncached-tokens data of "inflight-load-producer"';
    expect(() => config(text)).toThrow(message);
    expect(names(config(text, { strict: true }))).toContain("inflight-load-producer");
  });
  it("injects no second metrics source when the first is named, but does when it is renamed", () => {
    const own = (name: string) =>
      config(
        `plugins: [{type: queue-scorer}, {type: metrics-data-source, name: ${name}}, {type: core-metrics-extractor}]\n` +
          `dataLayer: {sources: [{pluginRef: ${name}, extractors: [{pluginRef: core-metrics-extractor}]}]}\n`,
      ).dataLayer.sources.map(({ plugin }) => plugin);
    expect(own("metrics-data-source")).toEqual(["metrics-data-source"]);
    expect(own("mine")).toEqual(["metrics-data-source", "mine"]);
  });
});

describe("flow control", () => {
  const section = `flowControl:
  maxBytes: "10Gi"
  maxRequests: "1k"
  defaultRequestTTL: 30s
  priorityBands:
  - {priority: 100, maxRequests: "500", fairnessPolicyRef: rr}
`;
  it("is read with quantities and durations, and rests without its gate", () => {
    const loaded = config(`plugins: [{type: round-robin-fairness-policy, name: rr}]\n${section}`);
    expect(loaded.flowControl).toEqual({
      maxBytes: 10_737_418_240,
      maxRequests: 1000,
      defaultRequestTtlUs: 30_000_000,
      noEndpointRequestTtlUs: 30_000_000,
      priorityBands: [
        {
          priority: 100,
          maxBytes: 1e9,
          maxRequests: 500,
          fairnessPolicy: "rr",
          orderingPolicy: "fcfs-ordering-policy",
        },
      ],
      usageLimitPolicy: "static-usage-limit-policy",
      enableEviction: false,
    });
    expect(notes(loaded)).toEqual(["5:3 flowControl has no effect: its feature gate is off"]);
    expect(loaded.unsupported).toEqual([expect.objectContaining({ name: "rr", matters: false })]);
    expect(() => new Router(loaded, host())).not.toThrow();
  });
  it("matters with its gate: a router refuses", () => {
    const loaded = config(
      `featureGates: [flowControl]\nplugins: [{type: round-robin-fairness-policy, name: rr}]\n${section}`,
    );
    expect(loaded.featureGates.flowControl).toBe(true);
    expect(loaded.unsupported.find(({ name }) => name === "rr")!.matters).toBe(true);
    expect(() => new Router(loaded, host())).toThrow("known to llm-d, not supported yet");
  });
  it("reads gates with values", () => {
    expect(config("featureGates: [flowControl=false]\nplugins: []\n").featureGates.flowControl).toBe(false);
    expect(config("featureGates: [flowControl=true]\nplugins: []\n").featureGates.flowControl).toBe(true);
  });
});

describe("versions", () => {
  const body = "kind: EndpointPickerConfig\nplugins: [{type: file-discovery, parameters: {path: x}}]\ndataLayer:\n";
  const at = (version: string, dataLayer: string) =>
    loadEndpointPickerConfig(`apiVersion: ${version}\n${body}  ${dataLayer}\n`, { file: "f" });

  it("takes llm-d.ai/v1 with its own names", () => {
    const loaded = at("llm-d.ai/v1", "discovery: {endpoints: {pluginRef: file-discovery}}");
    expect(loaded.dataLayer.endpointDiscovery).toBe("file-discovery");
    const older = "discovery: {pluginRef: file-discovery}";
    expect(at("llm-d.ai/v1alpha1", older).dataLayer.endpointDiscovery).toBe("file-discovery");
    expect(() => at("llm-d.ai/v1", older)).toThrow('f:5:15: unknown field "pluginRef" in discovery');
    expect(() => at("llm-d.ai/v1alpha1", "crossReplica: {}")).toThrow('unknown field "crossReplica" in dataLayer');
  });
  it("reads the cross-replica fields of both", () => {
    const expected = { syncIntervalUs: 5000, publishTimeoutUs: 1e6 };
    const v1 = "crossReplica: {syncInterval: 5ms, publishTimeout: 1s}";
    expect(at("llm-d.ai/v1", v1).dataLayer.crossReplica).toEqual(expected);
    const v1alpha1 = at("llm-d.ai/v1alpha1", "crossReplicaSyncInterval: 5ms\n  crossReplicaPublishTimeout: 1s");
    expect(v1alpha1.dataLayer.crossReplica).toEqual(expected);
  });
  it("warns of the deprecated group", () => {
    const loaded = at("inference.networking.x-k8s.io/v1alpha1", "injectDefaults: true");
    expect(notes(loaded)[0]).toMatch(/^1:1 apiVersion .* is deprecated: use "llm-d.ai\/v1alpha1"$/);
  });
  it("knows the deprecated top-level fields of v1alpha1, where the new field wins", () => {
    const fields = "plugins: [{type: utilization-detector, name: d}]\nsaturationDetector: {pluginRef: d}\n";
    expect(config(fields).saturationDetector).toBe("d");
    expect(config(`${fields}parser: {pluginRef: vllmgrpc-parser}\n`).requestHandler.parsers).toEqual([
      "vllmgrpc-parser",
    ]);
    expect(
      config(`${fields}flowControl: {saturationDetector: {pluginRef: utilization-detector}}\n`).saturationDetector,
    ).toBe("utilization-detector");
    const v1 = `apiVersion: llm-d.ai/v1\nkind: EndpointPickerConfig\n${fields}`;
    expect(() => config(v1)).toThrow('epp.yaml:4:1: unknown field "saturationDetector"');
  });
});

describe("parameters", () => {
  it("match names without regard to case, and take null for not given", () => {
    const loaded = config("plugins: [{type: load-aware-scorer, parameters: {THRESHOLD: 9}}]\n");
    expect(parametersOf(loaded, "load-aware-scorer")).toEqual({ threshold: 9 });
    const none = config("plugins: [{type: load-aware-scorer, parameters: {threshold: null}}]\n");
    expect(parametersOf(none, "load-aware-scorer")).toEqual({ threshold: 128 });
  });
  it("mean nothing to types without any", () => {
    expect(parametersOf(config("plugins: [{type: queue-scorer, parameters: {any: 1}}]\n"), "queue-scorer")).toEqual({});
  });
  it("keep the keys of a map of labels as they are", () => {
    const body = "plugins: [{type: label-selector-filter, parameters: {matchlabels: {Zone: b}}}]\n";
    expect(parametersOf(config(body), "label-selector-filter")).toEqual({
      matchLabels: { Zone: "b" },
      matchExpressions: [],
    });
  });
});

describe("lints", () => {
  it("warn of a weighted prefix scorer behind the affinity filter", () => {
    const types = ["inflight-load-producer", "prefix-cache-affinity-filter", "prefix-cache-scorer"];
    const loaded = config(`plugins:\n${types.map((type) => `- type: ${type}\n`).join("")}`);
    expect(notes(loaded).some((note) => note.includes("pulls requests back"))).toBe(true);
  });
  it("warn of a plugin in a profile that does nothing there", () => {
    const loaded = config(
      "plugins: [{type: single-profile-handler}]\nschedulingProfiles: [{name: p, plugins: [{pluginRef: single-profile-handler}]}]\n",
    );
    expect(notes(loaded)[0]).toContain(
      '"single-profile-handler" in profile "p" has no effect: it is a profile-handler',
    );
  });
});

describe("presets", () => {
  it.each(presetNames)("%s loads without a warning and routes", (name) => {
    const loaded = loadEndpointPickerConfig(presetText(name)!, { file: name });
    expect(loaded.warnings).toEqual([]);
    expect(loaded.unsupported).toEqual([]);
    expect(() => new Router(loaded, host())).not.toThrow();
  });
});
