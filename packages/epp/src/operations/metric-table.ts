/** How a metric's values are read. */
export type MetricKind = "counter" | "gauge" | "histogram";

/** An older name under which the same is told: labels by their older names, each with the one it takes its value from. */
export interface MetricAlias {
  readonly name: string;
  /** Series that differ only in labels that the older name lacks are added up. */
  readonly labels: Readonly<Record<string, string>>;
}

/** One exported metric. */
export interface MetricRow<Kind extends MetricKind = MetricKind> {
  readonly name: string;
  readonly kind: Kind;
  readonly labels: readonly string[];
  readonly help: string;
  /** Upper bounds of a histogram's buckets, without the last, infinite one. */
  readonly bounds?: readonly number[];
  readonly alias?: MetricAlias;
}

const GENERAL_LATENCY_SECONDS = [
  ...[0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60, 120],
  ...[180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600],
];
const TTFT_SECONDS = GENERAL_LATENCY_SECONDS.slice(0, 24);
const NTPOT_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];
const TPOT_SECONDS = [
  ...[0.0005, 0.00205, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.125, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 2],
];
const SCHEDULER_SECONDS = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1];
const PROCESSING_SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.015, 0.025, 0.04, 0.06, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const REQUEST_BYTES = Array.from({ length: 25 }, (_, index) => 64 * 2 ** index);
// 32778 is upstream's number.
const OUTPUT_TOKENS = [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192];
const RESPONSE_BYTES = [...OUTPUT_TOKENS, 16384, 32778, 65536];
const INPUT_TOKENS = [...RESPONSE_BYTES, 131072, 262144, 524288, 1048576];

const REQUEST = ["model_name", "target_model_name", "fairness_id", "priority"] as const;
const same = (...names: string[]): Record<string, string> => Object.fromEntries(names.map((name) => [name, name]));
const MODELS = same("model_name", "target_model_name");

function requestMetric<Kind extends MetricKind>(
  name: string,
  kind: Kind,
  help: string,
  more: { readonly bounds?: readonly number[]; readonly labels?: readonly string[]; readonly alias?: MetricAlias },
): MetricRow<Kind> {
  return { name: `llm_d_epp_${name}`, kind, help, ...more, labels: [...REQUEST, ...(more.labels ?? [])] };
}

function poolGauge(name: string, help: string, older?: string): MetricRow<"gauge"> {
  const alias = older === undefined ? {} : { alias: { name: `inference_pool_${older}`, labels: same("name") } };
  return { name: `llm_d_epp_${name}`, kind: "gauge", labels: ["name"], help, ...alias };
}

function ours<Kind extends MetricKind>(
  name: string,
  kind: Kind,
  help: string,
  labels: readonly string[] = [],
): MetricRow<Kind> {
  return { name: `windtunnel_epp_${name}`, kind, help, labels };
}

/**
 * Every metric of the Endpoint Picker. `llm_d_epp_*` have upstream's names, labels and bucket bounds, their aliases
 * upstream's deprecated names (llm-d-router, `pkg/epp/metrics`); `windtunnel_epp_*` are our own.
 */
export const METRICS = {
  requests: requestMetric("request_total", "counter", "Requests that went to an endpoint.", {
    alias: { name: "inference_objective_request_total", labels: { ...MODELS, ...same("priority") } },
  }),
  errors: requestMetric("request_error_total", "counter", "Requests that failed, by the kind of error.", {
    labels: ["error_code"],
    alias: { name: "inference_objective_request_error_total", labels: { ...MODELS, ...same("error_code") } },
  }),
  running: requestMetric("request_running", "gauge", "Requests whose response has not ended.", {
    alias: { name: "inference_objective_running_requests", labels: same("model_name") },
  }),
  duration: requestMetric("request_duration_seconds", "histogram", "From a request's headers to its response's end.", {
    bounds: GENERAL_LATENCY_SECONDS,
    alias: { name: "inference_objective_request_duration_seconds", labels: MODELS },
  }),
  requestBytes: requestMetric("request_size_bytes", "histogram", "Bytes of request bodies.", {
    bounds: REQUEST_BYTES,
    alias: { name: "inference_objective_request_sizes", labels: MODELS },
  }),
  responseBytes: requestMetric("response_size_bytes", "histogram", "Bytes of response bodies.", {
    bounds: RESPONSE_BYTES,
    alias: { name: "inference_objective_response_sizes", labels: MODELS },
  }),
  inputTokens: requestMetric("request_input_tokens", "histogram", "Prompt tokens, as the model server counts them.", {
    bounds: INPUT_TOKENS,
    alias: { name: "inference_objective_input_tokens", labels: MODELS },
  }),
  outputTokens: requestMetric("request_output_tokens", "histogram", "Output tokens, as the model server counts them.", {
    bounds: OUTPUT_TOKENS,
    alias: { name: "inference_objective_output_tokens", labels: MODELS },
  }),
  cachedTokens: requestMetric(
    "request_cached_tokens",
    "histogram",
    "Prompt tokens found in the model server's cache, as it counts them.",
    { bounds: INPUT_TOKENS, alias: { name: "inference_objective_prompt_cached_tokens", labels: MODELS } },
  ),
  ntpot: requestMetric("request_ntpot_seconds", "histogram", "Request duration by output token.", {
    bounds: NTPOT_SECONDS,
    alias: { name: "inference_objective_normalized_time_per_output_token_seconds", labels: MODELS },
  }),
  ttft: requestMetric(
    "request_ttft_seconds",
    "histogram",
    "From a request's headers to the first byte of its response's body; without streaming, to its end.",
    { bounds: TTFT_SECONDS, labels: ["streaming"] },
  ),
  tpot: requestMetric(
    "request_streaming_tpot_seconds",
    "histogram",
    "Of streamed responses: time after the first byte, by output token after the first.",
    { bounds: TPOT_SECONDS },
  ),
  averageKvUsage: poolGauge(
    "average_kv_cache_utilization",
    "Mean KV-cache usage of the endpoints, 0 to 1.",
    "average_kv_cache_utilization",
  ),
  averageQueue: poolGauge("average_queue_size", "Mean of the endpoints' waiting requests.", "average_queue_size"),
  averageRunning: poolGauge(
    "average_running_requests",
    "Mean of the endpoints' running requests.",
    "average_running_requests",
  ),
  stdDevKvUsage: poolGauge("std_dev_kv_cache_utilization", "Standard deviation of the endpoints' KV-cache usage."),
  stdDevQueue: poolGauge("std_dev_queue_size", "Standard deviation of the endpoints' waiting requests."),
  stdDevRunning: poolGauge("std_dev_running_requests", "Standard deviation of the endpoints' running requests."),
  readyEndpoints: poolGauge("ready_endpoints", "Endpoints that requests may go to.", "ready_pods"),
  endpointQueue: {
    name: "llm_d_epp_per_endpoint_queue_size",
    kind: "gauge",
    labels: ["name", "model_server_endpoint"],
    help: "Waiting requests of an endpoint, as last scraped.",
    alias: {
      name: "inference_pool_per_pod_queue_size",
      labels: { ...same("name"), model_server_pod: "model_server_endpoint" },
    },
  },
  inFlightRequests: {
    name: "llm_d_epp_inflight_requests",
    kind: "gauge",
    labels: ["endpoint_name", "namespace", "fairness_id", "priority", "producer_name"],
    help: "Requests that this Endpoint Picker has sent to an endpoint and whose response has not ended.",
  },
  decisionSeconds: {
    name: "llm_d_epp_scheduler_e2e_duration_seconds",
    kind: "histogram",
    labels: [],
    help: "Time of one decision of the router.",
    bounds: SCHEDULER_SECONDS,
    alias: { name: "inference_extension_scheduler_e2e_duration_seconds", labels: {} },
  },
  attempts: {
    name: "llm_d_epp_scheduler_attempts_total",
    kind: "counter",
    labels: ["status", "target_model_name", "endpoint_name", "namespace", "port"],
    help: "Decisions of the router, by outcome (success, failure) and chosen endpoint.",
    alias: {
      name: "inference_extension_scheduler_attempts_total",
      labels: { ...same("status", "target_model_name", "namespace", "port"), pod_name: "endpoint_name" },
    },
  },
  processingSeconds: {
    name: "llm_d_epp_request_processing_duration_seconds",
    kind: "histogram",
    labels: [],
    help: "From a request's headers to its decision: its body, its tokens, the router.",
    bounds: PROCESSING_SECONDS,
  },
  rewrites: {
    name: "llm_d_epp_model_rewrite_decisions_total",
    kind: "counter",
    labels: ["model_rewrite_name", "model_name", "target_model"],
    help: "Models rewritten by an InferenceModelRewrite.",
    alias: {
      name: "inference_extension_model_rewrite_decisions_total",
      labels: same("model_rewrite_name", "model_name", "target_model"),
    },
  },
  pollErrors: {
    name: "llm_d_epp_datalayer_poll_errors_total",
    kind: "counter",
    labels: ["source_type"],
    help: "Scrapes of model servers that failed.",
    alias: { name: "llm_d_inference_scheduler_datalayer_poll_errors_total", labels: same("source_type") },
  },
  info: {
    name: "llm_d_epp_info",
    kind: "gauge",
    labels: ["commit", "build_ref"],
    help: "1; which build this is.",
    alias: { name: "inference_extension_info", labels: same("commit", "build_ref") },
  },
  signalAge: ours("endpoint_metrics_age_seconds", "gauge", "Age of an endpoint's metrics; none before the first.", [
    "endpoint_name",
    "namespace",
  ]),
  scrapes: ours("scrapes_total", "counter", "Pages of model servers that were read."),
  scrapeFailures: ours("scrape_failures_total", "counter", "Scrapes that failed, by how.", ["kind"]),
  scrapeBytes: ours("scrape_bytes_total", "counter", "Bytes of the pages."),
  missingMetrics: ours("scrape_missing_metrics_total", "counter", "Metrics that pages should have and had not."),
  emptyPages: ours("scrape_empty_pages_total", "counter", "Pages without any metric that was wanted."),
  kvMessages: ours(
    "kv_event_messages_total",
    "counter",
    "KV-event messages and what came of them: messages counts all, the other kinds what was unusual.",
    ["kind"],
  ),
  kvEvents: ours("kv_events_total", "counter", "KV-cache events by what came of them.", ["kind"]),
} as const satisfies Record<string, MetricRow>;

/** A metric's key in the table. */
export type MetricKey = keyof typeof METRICS;
