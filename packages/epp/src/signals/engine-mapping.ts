import { type MetricSpec, MetricSpecError, parseMetricSpec } from "./metric-spec.ts";

/** Where an engine's page tells what, as people write it; empty = not told. */
export interface EngineSpecs {
  readonly name: string;
  readonly queuedRequestsSpec: string;
  readonly runningRequestsSpec: string;
  readonly kvUsageSpec: string;
  readonly loraSpec: string;
  /** A series whose labels carry the block size and the number of blocks. */
  readonly cacheInfoSpec: string;
  readonly cacheBlockSizeLabelName: string;
  readonly cacheNumBlocksLabelName: string;
  readonly cacheBlockSizeSpec: string;
  readonly cacheNumBlocksSpec: string;
  readonly customMetrics: readonly { readonly attributeKey: string; readonly metricSpec: string }[];
}

/** Where an engine's page tells what. */
export interface EngineMapping {
  readonly engine: string;
  readonly queuedRequests: MetricSpec | undefined;
  readonly runningRequests: MetricSpec | undefined;
  readonly kvUsage: MetricSpec | undefined;
  readonly lora: MetricSpec | undefined;
  readonly cacheInfo: MetricSpec | undefined;
  readonly cacheBlockSizeLabel: string;
  readonly cacheNumBlocksLabel: string;
  readonly cacheBlockSize: MetricSpec | undefined;
  readonly cacheNumBlocks: MetricSpec | undefined;
  readonly custom: readonly { readonly attributeKey: string; readonly spec: MetricSpec }[];
}

export const NO_SPECS: Omit<EngineSpecs, "name"> = {
  queuedRequestsSpec: "",
  runningRequestsSpec: "",
  kvUsageSpec: "",
  loraSpec: "",
  cacheInfoSpec: "",
  cacheBlockSizeLabelName: "",
  cacheNumBlocksLabelName: "",
  cacheBlockSizeSpec: "",
  cacheNumBlocksSpec: "",
  customMetrics: [],
};

/** The engines that llm-d knows (llm-d-router, `extractor/metrics`). */
export const BUILT_IN_ENGINES: readonly EngineSpecs[] = [
  {
    ...NO_SPECS,
    name: "vllm",
    queuedRequestsSpec: "vllm:num_requests_waiting",
    runningRequestsSpec: "vllm:num_requests_running",
    kvUsageSpec: "vllm:kv_cache_usage_perc",
    loraSpec: "vllm:lora_requests_info",
    cacheInfoSpec: "vllm:cache_config_info",
  },
  {
    ...NO_SPECS,
    name: "sglang",
    queuedRequestsSpec: "sglang:num_queue_reqs",
    runningRequestsSpec: "sglang:num_running_reqs",
    kvUsageSpec: "sglang:token_usage",
    cacheInfoSpec: "sglang:cache_config_info",
    cacheBlockSizeLabelName: "page_size",
    cacheNumBlocksLabelName: "num_pages",
  },
  {
    ...NO_SPECS,
    name: "trtllm-serve",
    queuedRequestsSpec: "trtllm_num_requests_waiting",
    runningRequestsSpec: "trtllm_num_requests_running",
    kvUsageSpec: "trtllm_kv_cache_utilization",
    cacheBlockSizeSpec: "trtllm_kv_cache_tokens_per_block",
    cacheNumBlocksSpec: "trtllm_kv_cache_max_blocks",
  },
  {
    ...NO_SPECS,
    name: "triton-tensorrt-llm",
    queuedRequestsSpec: "nv_trt_llm_request_metrics{request_type=waiting}",
    runningRequestsSpec: "nv_trt_llm_request_metrics{request_type=scheduled}",
    kvUsageSpec: "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=fraction}",
    cacheBlockSizeSpec: "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=tokens_per}",
    cacheNumBlocksSpec: "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=max}",
  },
  {
    ...NO_SPECS,
    name: "triton",
    queuedRequestsSpec: "nv_inference_pending_request_count",
    runningRequestsSpec: "nv_inference_exec_count",
  },
];

/** @throws MetricSpecError that names the engine and the parameter */
export function engineMapping(specs: EngineSpecs): EngineMapping {
  const read = (parameter: string, text: string): MetricSpec | undefined => {
    try {
      return parseMetricSpec(text);
    } catch (error) {
      if (!(error instanceof MetricSpecError)) throw error;
      throw new MetricSpecError(`${parameter} of engine ${JSON.stringify(specs.name)}: ${error.message}`);
    }
  };
  return {
    engine: specs.name,
    queuedRequests: read("queuedRequestsSpec", specs.queuedRequestsSpec),
    runningRequests: read("runningRequestsSpec", specs.runningRequestsSpec),
    kvUsage: read("kvUsageSpec", specs.kvUsageSpec),
    lora: read("loraSpec", specs.loraSpec),
    cacheInfo: read("cacheInfoSpec", specs.cacheInfoSpec),
    cacheBlockSizeLabel: specs.cacheBlockSizeLabelName || "block_size",
    cacheNumBlocksLabel: specs.cacheNumBlocksLabelName || "num_gpu_blocks",
    cacheBlockSize: read("cacheBlockSizeSpec", specs.cacheBlockSizeSpec),
    cacheNumBlocks: read("cacheNumBlocksSpec", specs.cacheNumBlocksSpec),
    custom: specs.customMetrics.flatMap(({ attributeKey, metricSpec }) => {
      const spec = read(`customMetrics ${JSON.stringify(attributeKey)}`, metricSpec);
      return spec === undefined ? [] : [{ attributeKey, spec }];
    }),
  };
}
