import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FakeVllm, startFakeVllm } from "../../../src/demo/fake-vllm.ts";
import { METRICS, type MetricRow } from "../../../src/operations/metric-table.ts";
import { EnvoyClient } from "../../support/envoy-client.ts";
import { EppFiles, GO_EPP_SKIP, goEpp, type RunningEpp, startEpp } from "../../support/epp-program.ts";
import { metricsPage } from "../../support/metrics-page.ts";

/** Upstream's metrics that are left out, as docs/operations.md says. */
const LEFT_OUT = [
  "llm_d_epp_plugin_duration_seconds",
  "llm_d_epp_request_streaming_itl_seconds",
  "llm_d_epp_response_processing_duration_seconds",
  "llm_d_epp_inflight_tokens",
  "llm_d_epp_prefix_indexer_size",
  "llm_d_epp_prefix_indexer_hit_ratio",
  "llm_d_epp_prefix_indexer_hit_bytes",
  "inference_extension_plugin_duration_seconds",
  "inference_extension_prefix_indexer_size",
  "inference_extension_prefix_indexer_hit_ratio",
  "inference_extension_prefix_indexer_hit_bytes",
];
const USAGE = '"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}';
const EVENTS = [
  'data: {"id":"x","model":"m","choices":[{"index":0,"text":"a"}]}\n\n',
  `data: {"id":"x","model":"m","choices":[],${USAGE}}\n\ndata: [DONE]\n\n`,
];

interface Family {
  kind: string;
  labels: Set<string>;
  bounds: Set<string>;
}

/** Families of a page by name: kind, labels of its series, bounds of its buckets. */
function families(page: string): Map<string, Family> {
  const found = new Map<string, Family>();
  for (const [, name, kind] of page.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    found.set(name!, { kind: kind!, labels: new Set(), bounds: new Set() });
  }
  for (const [, name, pairs = ""] of page.matchAll(/^(\w+?)(?:\{(.*)\})? \S+$/gm)) {
    const family = found.get(name!) ?? found.get(name!.replace(/_(bucket|sum|count)$/, ""));
    for (const [, label, value] of pairs.matchAll(/(\w+)="([^"]*)"/g)) {
      if (label === "le") family?.bounds.add(value!);
      else family?.labels.add(label!);
    }
  }
  return found;
}

/** What our table says under a name of upstream's, the older ones too. */
function ourRow(name: string): { readonly labels: readonly string[]; readonly row: MetricRow } | undefined {
  for (const row of Object.values<MetricRow>(METRICS)) {
    if (row.name === name) return { labels: row.labels, row };
    if (row.alias?.name === name) return { labels: Object.keys(row.alias.labels), row };
  }
  return undefined;
}

describe.skipIf(goEpp() === undefined)(`metrics beside upstream's (${GO_EPP_SKIP})`, () => {
  let files: EppFiles;
  let fake: FakeVllm;
  let go: RunningEpp;
  let theirs: Map<string, Family>;

  beforeAll(async () => {
    files = await EppFiles.create();
    fake = await startFakeVllm({ name: "vllm-0" });
    await files.writeEndpoints([fake]);
    go = await startEpp(goEpp()!, { configFile: await files.writeConfig(config(files.endpointsFile)) });
    const client = new EnvoyClient(`127.0.0.1:${go.grpcPort}`);
    for (const stream of [false, true]) {
      const routed = await client.route({ body: { model: "m", prompt: "one two", stream } });
      const chunks = stream ? EVENTS : [`{"id":"x","model":"m","choices":[],${USAGE}}`];
      await routed.stream.respond({ contentType: stream ? "text/event-stream" : "application/json", chunks });
    }
    await client.route({ body: { prompt: "no model" } });
    client.close();
    // Upstream's gauges of the pool come every 5 s.
    const until = performance.now() + 15_000;
    do {
      await sleep(100);
      theirs = families(await metricsPage(go.metricsPort));
    } while (!theirs.has("llm_d_epp_ready_endpoints") && performance.now() < until);
  });

  afterAll(async () => {
    await go?.stop();
    await fake?.stop();
    await files?.remove();
  });

  test("each of upstream's is ours, or left out as stated", () => {
    const names = [...theirs.keys()].filter((name) => /^(llm_d_epp|inference)_/.test(name));
    expect(names.length).toBeGreaterThan(40);
    expect(names.filter((name) => ourRow(name) === undefined && !LEFT_OUT.includes(name))).toEqual([]);
  });

  test("with the same kind, labels and bounds", () => {
    for (const [name, { kind, labels, bounds }] of theirs) {
      const ours = ourRow(name);
      if (ours === undefined) continue;
      expect(ours.row.kind, name).toBe(kind);
      expect([...ours.labels].sort(), name).toEqual([...labels].sort());
      const theirBounds = [...bounds].filter((bound) => bound !== "+Inf").map(Number);
      expect(ours.row.bounds ?? [], name).toEqual(theirBounds);
    }
  });
});

function config(endpointsFile: string): string {
  return `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
  - { name: file-discovery, type: file-discovery, parameters: { path: ${endpointsFile} } }
  - type: queue-scorer
  - type: prefix-cache-scorer
  - { type: token-producer, parameters: { estimate: {} } }
  - type: inflight-load-producer
  - type: token-load-scorer
  - { name: source, type: metrics-data-source }
  - { name: extractor, type: core-metrics-extractor }
schedulingProfiles:
  - name: default
    plugins:
      - { pluginRef: queue-scorer }
      - { pluginRef: prefix-cache-scorer }
      - { pluginRef: token-load-scorer }
dataLayer:
  injectDefaults: false
  discovery: { pluginRef: file-discovery }
  sources: [{ pluginRef: source, extractors: [{ pluginRef: extractor }] }]
`;
}
