import { loadEndpointPickerConfig, presetNames, presetText, Router } from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";
import { config, HEAD, host } from "../../support/routing.ts";

const names = (loaded: ReturnType<typeof config>): string[] => loaded.plugins.map(({ name }) => name);
const notes = (loaded: ReturnType<typeof config>): string[] =>
  loaded.warnings.map(({ position, message }) => `${position.line}:${position.column} ${message}`);
const parametersOf = (loaded: ReturnType<typeof config>, name: string) =>
  loaded.plugins.find((plugin) => plugin.name === name)?.parameters;

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

describe("errors", () => {
  const fails = (body: string): string => {
    try {
      config(body);
    } catch (error) {
      return (error as Error).message;
    }
    return "loaded";
  };

  it.each([
    ["plugins:\n- type: queue-scorrer\n", '4:9: unknown plugin type "queue-scorrer" (did you mean "queue-scorer"?)'],
    ["plugins:\n- type: queue-scorer\n- type: queue-scorer\n", '5:3: plugin name "queue-scorer" stands twice'],
    [
      "plugins: []\nschedulingProfile: []\n",
      '4:1: unknown field "schedulingProfile" in EndpointPickerConfig (did you mean "schedulingProfiles"?)',
    ],
    ["Plugins: []\n", '3:1: unknown field "Plugins" in EndpointPickerConfig (did you mean "plugins"?)'],
    [
      "plugins:\n- type: load-aware-scorer\n  parameters: {treshold: 3}\n",
      '5:16: unknown parameter "treshold" of load-aware-scorer (did you mean "threshold"?)',
    ],
    [
      "plugins:\n- type: load-aware-scorer\n  parameters: {threshold: many}\n",
      '5:27: parameter "threshold" of load-aware-scorer: expected number, found "many"',
    ],
    [
      "plugins:\n- type: load-aware-scorer\n  parameters: {threshold: 1, THRESHOLD: 2}\n",
      '5:30: parameter "threshold" stands twice',
    ],
    [
      "plugins:\n- type: load-aware-scorer\n  parameters: 3\n",
      '5:15: parameters of "load-aware-scorer": expected a mapping, found 3',
    ],
    ["plugins:\n- name: x\n", "4:3: a plugin: expected a type, found a mapping"],
    [
      "plugins: [{type: random-picker}, {type: max-score-picker}]\n",
      '3:41: profile "default" has two pickers, "random-picker" and "max-score-picker"',
    ],
    ["featureGates: [flowcontrol]\n", '3:16: unknown feature gate "flowcontrol" (did you mean "flowControl"?)'],
    [
      "featureGates: ['flowControl =false']\n",
      '3:16: unknown feature gate "flowControl " (did you mean "flowControl"?)',
    ],
    [
      "featureGates: [flowControl=maybe]\n",
      '3:16: feature gate "flowControl=maybe": expected "flowControl=true" or "flowControl=false"',
    ],
    ["schedulingProfiles: [{name: a}, {name: a}]\n", '3:40: profile "a" stands twice'],
    ["schedulingProfiles: [{name: a}, {name: b}]\n", "1:1: 2 scheduling profiles need a profile handler, found none"],
    [
      "plugins: [{type: single-profile-handler}]\nschedulingProfiles: [{name: a}, {name: b}]\n",
      "3:18: single-profile-handler allows one scheduling profile, found 2",
    ],
    [
      "plugins: [{type: single-profile-handler}, {type: single-profile-handler, name: other}]\n",
      '3:50: only one profile handler is allowed, found "single-profile-handler" and "other"',
    ],
    [
      "schedulingProfiles:\n- name: p\n  plugins:\n  - pluginRef: queue-scorer\n",
      '6:16: profile "p" names an unknown plugin "queue-scorer": a known type, but not listed in plugins',
    ],
    [
      "schedulingProfiles:\n- name: p\n  plugins:\n  - {pluginRef: x, weight: heavy}\n",
      '6:28: weight in profile "p": expected a number, found "heavy"',
    ],
    [
      "plugins: [{type: session-affinity-scorer}]\n",
      '3:18: plugin type "session-affinity-scorer" is alpha: it needs the flag that allows experimental plugins',
    ],
    [
      "plugins: [{type: queue-scorer}]\ndataLayer: {injectDefaults: false}\n",
      '3:18: "queue-scorer" needs core-metrics-extractor in dataLayer.sources, found none',
    ],
    [
      "flowControl: {saturationDetector: {pluginRef: concurrency-detector}}\n",
      '3:47: saturationDetector names an unknown plugin "concurrency-detector": a known type, but not listed in plugins',
    ],
    [
      "flowControl: {maxBytes: 10GiB}\n",
      '3:25: maxBytes: expected a quantity such as 500, "1k" or "10Gi", found "10GiB"',
    ],
    [
      "flowControl: {defaultRequestTTL: 60}\n",
      '3:34: defaultRequestTTL: expected a duration such as "60s" or "1h30m", found 60',
    ],
    ["flowControl: {priorityBands: [{priority: 1}, {priority: 1}]}\n", "3:46: priority 1 stands twice"],
    [
      "plugins: [{type: least-connections-picker, parameters: {inFlightLoadProducerName: none}}]\n",
      '3:18: "least-connections-picker" needs in-flight-load data of "none", which nothing produces',
    ],
    [
      "plugins: [{type: mm-embeddings-cache-producer, parameters: {cacheSizeInMB: 3}}]\n",
      '3:61: unknown parameter "cacheSizeInMB" of mm-embeddings-cache-producer (did you mean "cacheSizeInMBPerServer"?)',
    ],
    ["plugins: [\n", "not valid YAML"],
    ["plugins: {}\n", "3:10: plugins: expected a list, found a mapping"],
  ])("%j", (body, expected) => {
    const message = fails(body);
    expect(message).toMatch(/^epp\.yaml:\d+:\d+: /);
    expect(message).toContain(expected);
  });

  it("names versions and kind", () => {
    expect(() => config("apiVersion: llm-d.ai/v2\nkind: EndpointPickerConfig\n")).toThrow(
      'epp.yaml:1:13: unknown apiVersion "llm-d.ai/v2" (did you mean "llm-d.ai/v1"?)',
    );
    expect(() => config("apiVersion: llm-d.ai/v1\nkind: EndpointPicker\n")).toThrow(
      'epp.yaml:2:7: unknown kind "EndpointPicker"',
    );
    expect(() => config("apiVersion: llm-d.ai/v1\n")).toThrow(
      'epp.yaml:1:1: the configuration: expected a field "kind"',
    );
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

describe("migrations", () => {
  it("move index parameters from the scorer to its producer", () => {
    const loaded = config(
      "plugins:\n- type: prefix-cache-scorer\n  parameters:\n    blockSize: 64\n    maxPrefixBlocksToMatch: 256\n    lruCapacityPerServer: 5\n",
    );
    expect(parametersOf(loaded, "approx-prefix-cache-producer")).toMatchObject({
      blockSizeTokens: 64,
      maxPrefixBlocksToMatch: 256,
      maxPrefixTokensToMatch: 0,
      lruCapacityPerServer: 5,
    });
    expect(notes(loaded)[0]).toBe(
      '6:5 "blockSize" of prefix-cache-scorer migrated to "blockSizeTokens" of approx-prefix-cache-producer',
    );
  });
  it("turn a penalty in tokens into one in time", () => {
    const body = (more: string) =>
      `plugins: [{type: prefix-cache-affinity-filter, parameters: {maxTokensInFlightPenalty: 50000${more}}}, {type: inflight-load-producer}]\n`;
    const loaded = config(body(", peakPrefillThroughput: 10000"));
    expect(parametersOf(loaded, "prefix-cache-affinity-filter")).toMatchObject({ maxTTFTPenaltyMs: 5000 });
    expect(notes(loaded)[0]).toContain('migrated to "maxTTFTPenaltyMs: 5000"');
  });
  it("rename types, and references by the older name", () => {
    const loaded = config(
      "plugins: [{type: by-label-selector}]\nschedulingProfiles: [{name: p, plugins: [{pluginRef: by-label-selector}]}]\n",
    );
    expect(loaded.schedulingProfiles[0]!.plugins[0]!.plugin).toBe("label-selector-filter");
    expect(notes(loaded)).toEqual(['3:18 "by-label-selector" migrated to "label-selector-filter"']);
    expect(names(config("plugins: [{type: tokenizer}]\n"))).toContain("token-producer");
  });
  it("fold the header handlers into the disaggregation handler", () => {
    const both = config("plugins: [{type: disagg-headers-handler}, {type: disagg-profile-handler}]\n");
    expect(both.profileHandler).toBe("disagg-profile-handler");
    expect(notes(both)).toEqual(['3:18 "disagg-headers-handler" dropped: disagg-profile-handler writes its headers']);
    expect(config("plugins: [{type: prefill-header-handler, name: h}]\n").profileHandler).toBe("h");
  });
  it("build a precise scorer with its producer, reusing a listed one", () => {
    const text = "plugins: [{type: precise-prefix-cache-scorer, parameters: {tokenProcessorConfig: {blockSize: 32}}}";
    const one = config(`${text}]\n`);
    expect(parametersOf(one, "precise-prefix-cache-producer")).toMatchObject({
      tokenProcessorConfig: { blockSize: 32 },
    });
    expect(notes(one)[0]).toBe(
      '3:18 "precise-prefix-cache-scorer" is deprecated: use precise-prefix-cache-producer and prefix-cache-scorer',
    );
    expect(() => new Router(one, host())).not.toThrow();
    const listed = config(`${text}, {type: precise-prefix-cache-producer}]\n`);
    expect(parametersOf(listed, "precise-prefix-cache-producer")).not.toMatchObject({
      tokenProcessorConfig: { blockSize: 32 },
    });
  });
  it("drop removed gates and parameters without effect", () => {
    const loaded = config(
      "featureGates: [dataLayer]\nplugins: [{type: active-request-scorer, parameters: {requestTimeout: 2m}}]\n",
    );
    expect(notes(loaded)).toEqual([
      '3:16 feature gate "dataLayer" dropped: it was removed',
      '4:54 "requestTimeout" of active-request-scorer has no effect any more',
    ]);
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

describe("Helm values", () => {
  const values = (inner: string, more = "") =>
    `router:\n  epp:\n${more}    pluginsCustomConfig:\n      a.yaml: |\n${(HEAD + inner).replace(/^(?=.)/gm, "        ")}`;
  const load = (text: string) => loadEndpointPickerConfig(text, { file: "values.yaml" });

  it("hold the document, and errors point into the outer file", () => {
    expect(load(values("plugins:\n- type: random-picker\n")).profileHandler).toBe("single-profile-handler");
    expect(() => load(values("plugins:\n- type: random-piker\n"))).toThrow(
      'values.yaml:8:17: unknown plugin type "random-piker" (did you mean "random-picker"?)',
    );
  });
  it("hold several, one of them named", () => {
    const two = `${values("plugins: []\n")}      b.yaml: |\n        apiVersion: x\n`;
    expect(() => load(two)).toThrow(
      "values.yaml:4:7: pluginsCustomConfig has 2 configurations; name one with pluginsConfigFile",
    );
    const named = two.replace("    pluginsCustomConfig", "    pluginsConfigFile: a.yaml\n    pluginsCustomConfig");
    expect(load(named).apiVersion).toBe("llm-d.ai/v1alpha1");
    expect(() => load(named.replace("File: a.yaml", "File: c.yaml"))).toThrow(
      'values.yaml:3:24: pluginsConfigFile "c.yaml"',
    );
  });
  it("may hold a mapping instead of text", () => {
    const text =
      "pluginsCustomConfig:\n  a:\n    apiVersion: llm-d.ai/v1\n    kind: EndpointPickerConfig\n    plugins: [{type: x}]\n";
    expect(() => load(text)).toThrow('values.yaml:5:22: unknown plugin type "x"');
  });
  it("may hold text in other styles, reported at its start", () => {
    const text = `pluginsCustomConfig:\n  a: "apiVersion: llm-d.ai/v1\\nkind: EndpointPickerConfig\\nplugins: [{type: x}]"\n`;
    expect(() => load(text)).toThrow('values.yaml:2:6: unknown plugin type "x"');
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
