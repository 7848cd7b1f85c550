import { loadEndpointPickerConfig, PolicyError } from "@windtunnel/router-policies";
import { expect, it } from "vitest";
import { EngineMetrics, newEngineState } from "../../../src/signals/engine-metrics.ts";
import { metricsSources } from "../../../src/signals/metrics-source.ts";

const header = "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\nplugins:\n- type: queue-scorer\n";

function sourcesOf(plugins: string, rest = "") {
  return metricsSources(loadEndpointPickerConfig(header + plugins + rest, { file: "epp.yaml" }));
}

/** Reads pages one after another with the mapping that a pod of these labels has. */
function reader(labels: Record<string, string>, plugins = "") {
  const engine = new EngineMetrics(sourcesOf(plugins)[0]!.engines.mappingFor(labels));
  const state = newEngineState();
  const read = (text: string) => engine.read(Buffer.from(text), 0, Buffer.byteLength(text), state);
  return { engine, state, read };
}

const gauge = (name: string, ...series: string[]): string =>
  `# TYPE ${name} gauge\n${series.map((one) => `${name}${one}\n`).join("")}`;

const VLLM =
  gauge("vllm:num_requests_running", '{model_name="m"} 7.0') +
  gauge("vllm:num_requests_waiting", '{model_name="m"} 3.0') +
  gauge("vllm:kv_cache_usage_perc", '{model_name="m"} 0.25') +
  gauge("vllm:cache_config_info", '{block_size="16",cache_dtype="auto",num_gpu_blocks="2048"} 1.0');

it("reads vLLM's page", () => {
  const { read } = reader({});
  expect(read(VLLM)).toEqual({
    metrics: {
      waitingQueueSize: 3,
      runningRequestsSize: 7,
      kvCacheUsageFraction: 0.25,
      cacheBlockSizeTokens: 16,
      cacheNumBlocks: 2048,
    },
    fresh: true,
    missing: 0,
  });
});

it("reads LoRA adapters from the newest series, and keeps them where there is none", () => {
  const { read, state } = reader({});
  const labels = (running: string, waiting: string) =>
    `{max_lora="4",running_lora_adapters="${running}",waiting_lora_adapters="${waiting}"}`;
  const page = VLLM + gauge("vllm:lora_requests_info", `${labels("a", "")} 100.5`, `${labels(" a, b,,a", "c")} 200.5`);
  const lora = { running: ["a", "b"], waiting: ["c"], maxActive: 4 };
  expect(read(page).metrics.lora).toEqual(lora);
  expect(state.lora).toEqual(lora);
  // What has not changed is not told again.
  expect(read(page).metrics).not.toHaveProperty("lora");
  expect(read(VLLM).metrics).not.toHaveProperty("lora");
  expect(state.lora?.running).toEqual(["a", "b"]);
});

it.each([
  [
    { "llm-d.ai/engine-type": "sglang" },
    gauge("sglang:num_queue_reqs", " 1") +
      gauge("sglang:num_running_reqs", " 2") +
      gauge("sglang:token_usage", " 0.5") +
      gauge("sglang:cache_config_info", '{page_size="64",num_pages="99"} 1'),
    [1, 2, 0.5, 64, 99],
  ],
  [
    { "inference.networking.k8s.io/engine-type": "trtllm-serve" },
    gauge("trtllm_num_requests_waiting", " 1") +
      gauge("trtllm_num_requests_running", " 2") +
      gauge("trtllm_kv_cache_utilization", " 0.5") +
      gauge("trtllm_kv_cache_tokens_per_block", " 32") +
      gauge("trtllm_kv_cache_max_blocks", " 77"),
    [1, 2, 0.5, 32, 77],
  ],
  [
    { "llm-d.ai/engine-type": "triton-tensorrt-llm" },
    gauge("nv_trt_llm_request_metrics", '{request_type="waiting"} 1', '{request_type="scheduled"} 2') +
      gauge(
        "nv_trt_llm_kv_cache_block_metrics",
        '{kv_cache_block_type="fraction"} 0.5',
        '{kv_cache_block_type="tokens_per"} 32',
        '{kv_cache_block_type="max"} 77',
      ),
    [1, 2, 0.5, 32, 77],
  ],
  [
    { "llm-d.ai/engine-type": "triton" },
    gauge("nv_inference_pending_request_count", " 1") + gauge("nv_inference_exec_count", " 2"),
    [1, 2, undefined, undefined, undefined],
  ],
] as const)("reads the engine of labels %j", (labels, text, [waiting, running, usage, blockSize, blocks]) => {
  const { metrics, missing } = reader(labels).read(text);
  expect(missing).toBe(0);
  expect([metrics.waitingQueueSize, metrics.runningRequestsSize]).toEqual([waiting, running]);
  expect(metrics.kvCacheUsageFraction).toBe(usage);
  expect([metrics.cacheBlockSizeTokens, metrics.cacheNumBlocks]).toEqual([blockSize, blocks]);
});

it("takes the default engine without a label and for an unknown name", () => {
  expect(reader({}).engine.mapping.engine).toBe("vllm");
  expect(reader({ "llm-d.ai/engine-type": "other" }).engine.mapping.engine).toBe("vllm");
  const plugins = "- type: core-metrics-extractor\n  parameters: {defaultEngine: sglang, engineLabelKey: engine}\n";
  expect(reader({}, plugins).engine.mapping.engine).toBe("sglang");
  expect(reader({ engine: "vllm" }, plugins).engine.mapping.engine).toBe("vllm");
});

it("cuts counts to whole numbers as Go does, and lets NaN through where a fraction is wanted", () => {
  const { read } = reader({});
  const page = (waiting: string, usage: string) =>
    gauge("vllm:num_requests_waiting", ` ${waiting}`) + gauge("vllm:kv_cache_usage_perc", ` ${usage}`);
  expect(read(page("3.99", "NaN")).metrics).toEqual({ waitingQueueSize: 3, kvCacheUsageFraction: Number.NaN });
  expect(read(page("-0.5", "0")).metrics.waitingQueueSize).toBe(0);
  expect(read(page("NaN", "0")).metrics.waitingQueueSize).toBe(-(2 ** 63));
  expect(read(page("+Inf", "0")).metrics.waitingQueueSize).toBe(-(2 ** 63));
});

it("leaves out what a page lacks, and says how much that is", () => {
  const { read } = reader({});
  expect(read(gauge("vllm:num_requests_waiting", " 2"))).toEqual({
    metrics: { waitingQueueSize: 2 },
    fresh: true,
    missing: 3,
  });
  expect(read("# nothing\n")).toEqual({ metrics: {}, fresh: false, missing: 4 });
});

it("reads cache labels that are missing or no numbers as upstream", () => {
  const { read } = reader({});
  expect(read(gauge("vllm:cache_config_info", '{block_size="16",num_gpu_blocks="None"} 1'))).toEqual({
    metrics: { cacheBlockSizeTokens: 16 },
    fresh: true,
    missing: 4,
  });
  expect(read(gauge("vllm:cache_config_info", '{num_gpu_blocks="8"} 1')).metrics).toEqual({
    cacheBlockSizeTokens: 0,
    cacheNumBlocks: 8,
  });
});

it("takes a user's entry for the whole engine, with custom metrics", () => {
  const { read, state } = reader(
    {},
    `- type: core-metrics-extractor
  parameters:
    engineConfigs:
    - name: vllm
      QueuedRequestsSpec: 'my_queue{kind=a}'
      customMetrics: [{attributeKey: heat, metricSpec: my_heat}]
`,
  );
  const page = VLLM + gauge("my_queue", '{kind="b"} 5', '{kind="a"} 6') + gauge("my_heat", " 41.5");
  expect(read(page).metrics).toEqual({ waitingQueueSize: 6 });
  expect([...state.custom]).toEqual([["heat", 41.5]]);
});

it("reads the source's parameters", () => {
  const [source] = sourcesOf(
    "- type: metrics-data-source\n  parameters: {scheme: https, Path: /m, port: 9400, insecureSkipVerify: false, interval: 1.5s}\n- type: core-metrics-extractor\n",
    "dataLayer:\n  sources: [{pluginRef: metrics-data-source, extractors: [{pluginRef: core-metrics-extractor}]}]\n",
  );
  expect(source).toMatchObject({
    scheme: "https",
    path: "/m",
    port: 9400,
    insecureSkipVerify: false,
    intervalUs: 1_500_000,
    caCertPath: undefined,
  });
});

it("has a source by default", () => {
  expect(sourcesOf("")).toMatchObject([{ scheme: "http", path: "/metrics", intervalUs: undefined, port: undefined }]);
});

it.each([
  ["- type: metrics-data-source\n  parameters: {scheme: ftp}\n", /epp.yaml:5:9: metrics-data-source: scheme: .*"http"/],
  ["- type: metrics-data-source\n  parameters: {path: metrics}\n", /path: found "metrics", allowed/],
  ['- type: metrics-data-source\n  parameters: {path: "/a b\\r\\nX: y"}\n', /path: found/],
  ["- type: metrics-data-source\n  parameters: {port: 70000}\n", /port: /],
  ["- type: metrics-data-source\n  parameters: {interval: often}\n", /interval: found "often", allowed/],
  ["- type: metrics-data-source\n  parameters: {clientCertPath: /x}\n", /clientCertPath and clientKeyPath/],
  [
    "- type: core-metrics-extractor\n  parameters: {defaultEngine: vlm}\n",
    /unknown engine "vlm" \(did you mean "vllm"\?\)/,
  ],
  [
    "- type: core-metrics-extractor\n  parameters: {engineConfigs: [{name: x, kvUsageSpec: 'a{'}]}\n",
    /kvUsageSpec of engine "x": metric specification "a\{": no closing brace/,
  ],
  ["- type: core-metrics-extractor\n  parameters: {engineConfigs: [{name: default}]}\n", /"default" is reserved/],
  ["- type: core-metrics-extractor\n  parameters: {engineConfigs: [{name: x}, {name: x}]}\n", /"x" stands twice/],
])("refuses %j", (plugins, message) => {
  expect(() => sourcesOf(plugins)).toThrow(PolicyError);
  expect(() => sourcesOf(plugins)).toThrow(message);
});
