/** `metrics.updatedAtUs` of an endpoint that was never scraped. */
export const NEVER_SCRAPED_US = -1;

/** The LoRA adapters of a model server, as vLLM's `vllm:lora_requests_info` tells. */
export interface LoraAdapters {
  readonly running: readonly string[];
  readonly waiting: readonly string[];
  /** Adapters at most in one batch (`max_lora`). */
  readonly maxActive: number;
}

/** An endpoint's gauges as of its last scrape. A metric that was never seen reads 0, as upstream: it looks idle. */
export interface EndpointMetrics {
  waitingQueueSize: number;
  runningRequestsSize: number;
  /** 0 to 1. */
  kvCacheUsageFraction: number;
  /** From `cache_config_info`; 0 when unknown. */
  cacheBlockSizeTokens: number;
  /** From `cache_config_info`; 0 when unknown. */
  cacheNumBlocks: number;
  /** Undefined for a server that tells of none. */
  lora?: LoraAdapters | undefined;
  /** When the scrape happened, host time; NEVER_SCRAPED_US before the first. */
  updatedAtUs: number;
}

/** What discovery knows of an endpoint. */
export interface EndpointFacts {
  readonly name: string;
  readonly namespace: string;
  /** `ip:port`. */
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What a router sees of a model server: possibly stale, never its future. Policies read it and change nothing. */
export interface Endpoint extends EndpointFacts {
  /**
   * Dense slot number, reused after the endpoint is gone: producers keep their per-endpoint values in arrays by it.
   */
  readonly slot: number;
  readonly metrics: Readonly<EndpointMetrics>;
}
