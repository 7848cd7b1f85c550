/** What a vLLM server says of itself on `/metrics`, as far as a router reads it. */
export interface FakeGauges {
  waiting: number;
  running: number;
  /** 0 to 1. */
  kvUsageFraction: number;
  blockSizeTokens: number;
  numGpuBlocks: number;
  /** Adapters, as `vllm:lora_requests_info` names them; undefined where the server has no LoRA. */
  lora?: { running: readonly string[]; waiting: readonly string[]; max: number };
}

/** `short` has what a router reads; `engine` is as long as a real engine's, about 60 KB, most of it histograms. */
export type MetricsPageSize = "short" | "engine";

const HISTOGRAMS = [
  "vllm:time_to_first_token_seconds",
  "vllm:time_per_output_token_seconds",
  "vllm:inter_token_latency_seconds",
  "vllm:request_time_per_output_token_seconds",
  "vllm:e2e_request_latency_seconds",
  "vllm:request_queue_time_seconds",
  "vllm:request_inference_time_seconds",
  "vllm:request_prefill_time_seconds",
  "vllm:request_decode_time_seconds",
  "vllm:request_prompt_tokens",
  "vllm:request_generation_tokens",
  "vllm:request_max_num_generation_tokens",
  "vllm:request_params_n",
  "vllm:request_params_max_tokens",
  "vllm:request_prefill_kv_computed_tokens",
  "vllm:iteration_tokens_total",
];
const BUCKETS_PER_HISTOGRAM = 34;

/** The part of the page that never changes. */
function histograms(model: string): string {
  const labels = `engine="0",model_name="${model}"`;
  const lines: string[] = [];
  for (const name of HISTOGRAMS) {
    lines.push(`# HELP ${name} Histogram of ${name.slice(5).replaceAll("_", " ")}.`, `# TYPE ${name} histogram`);
    for (let bucket = 0; bucket < BUCKETS_PER_HISTOGRAM; bucket++) {
      lines.push(`${name}_bucket{${labels},le="${(0.001 * 1.5 ** bucket).toPrecision(6)}"} ${bucket * 1013}.0`);
    }
    lines.push(`${name}_bucket{${labels},le="+Inf"} 35455.0`, `${name}_count{${labels}} 35455.0`);
    lines.push(`${name}_sum{${labels}} 19876.543210987654`, `# TYPE ${name}_created gauge`);
    lines.push(`${name}_created{${labels}} 1.7621234567890123e+09`);
  }
  return `${lines.join("\n")}\n`;
}

/** Writes `/metrics` pages of one server, each only as often as its gauges change. */
export class FakeMetricsPage {
  readonly #model: string;
  readonly #rest: string;
  #key = "";
  #page = Buffer.alloc(0);

  constructor(model: string, size: MetricsPageSize) {
    this.#model = model;
    this.#rest = size === "engine" ? histograms(model) : "";
  }

  page(gauges: FakeGauges): Buffer {
    const key = JSON.stringify(gauges);
    if (key !== this.#key) {
      this.#key = key;
      this.#page = Buffer.from(this.#head(gauges) + this.#rest);
    }
    return this.#page;
  }

  #head(gauges: FakeGauges): string {
    const labels = `engine="0",model_name="${this.#model}"`;
    const gauge = (name: string, value: number, help: string): string =>
      `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${name}{${labels}} ${value}\n`;
    const cache = `block_size="${gauges.blockSizeTokens}",cache_dtype="auto",enable_prefix_caching="True",engine="0",num_gpu_blocks="${gauges.numGpuBlocks}"`;
    return [
      gauge("vllm:num_requests_running", gauges.running, "Number of requests in model execution batches."),
      gauge("vllm:num_requests_waiting", gauges.waiting, "Number of requests waiting to be processed."),
      gauge("vllm:kv_cache_usage_perc", gauges.kvUsageFraction, "KV-cache usage. 1 means 100 percent usage."),
      `# TYPE vllm:cache_config_info gauge\nvllm:cache_config_info{${cache}} 1.0\n`,
      this.#loraLines(gauges),
    ].join("");
  }

  #loraLines({ lora }: FakeGauges): string {
    if (lora === undefined) return "";
    const labels = `max_lora="${lora.max}",running_lora_adapters="${lora.running.join(",")}",waiting_lora_adapters="${lora.waiting.join(",")}"`;
    return `# TYPE vllm:lora_requests_info gauge\nvllm:lora_requests_info{${labels}} 1.0\n`;
  }
}
