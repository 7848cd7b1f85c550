/** Roles of plugins that this package does not build. */
export type KnownRole =
  | "filter"
  | "scorer"
  | "picker"
  | "profile-handler"
  | "producer"
  | "decider"
  | "saturation-detector"
  | "fairness-policy"
  | "ordering-policy"
  | "usage-limit-policy"
  | "band-selection-policy"
  | "admitter"
  | "screener"
  | "request-processor"
  | "parser"
  | "data-source"
  | "extractor"
  | "discovery"
  | "syncer"
  | "reporter";

/** Parameter names, nested where a parameter is a mapping or a list of mappings. */
export interface ParameterNames {
  readonly [name: string]: true | ParameterNames;
}

/** A plugin of llm-d that this package does not build. */
export interface KnownPlugin {
  readonly type: string;
  readonly role: KnownRole;
  readonly alpha?: true;
  readonly aliases?: readonly string[];
  /** The host's work, not the router's: parsing, scraping, discovery. */
  readonly host?: true;
  /** Counts only while the feature gate `flowControl` is on. */
  readonly flowControl?: true;
  /** `"ignored"`: whatever is given means nothing, as upstream. Absent: not known, anything is accepted. */
  readonly parameters?: ParameterNames | "ignored";
}

const names = (text: string): ParameterNames => Object.fromEntries(text.split(" ").map((name) => [name, true]));

const latencyParameters = names(
  "ttftWeight tpotWeight headroomSelectionStrategy compositeKVWeight compositeQueueWeight compositePrefixWeight " +
    "prefixMatchInfoProducerName latencyPredictionProducerName latencyDataProducerName producerName",
);
const engineConfigParameters = names(
  "name queuedRequestsSpec runningRequestsSpec kvUsageSpec loraSpec cacheInfoSpec cacheBlockSizeLabelName " +
    "cacheNumBlocksLabelName cacheBlockSizeSpec cacheNumBlocksSpec customMetrics",
);

const SCHEDULING: readonly KnownPlugin[] = [
  { type: "latency-scorer", role: "scorer", parameters: latencyParameters },
  { type: "mm-embeddings-cache-scorer", role: "scorer", parameters: names("producerName") },
  {
    type: "endpoint-attribute-scorer",
    role: "scorer",
    alpha: true,
    parameters: {
      ...names("attributeKey producer"),
      algorithm: { type: true, normalization: { fixedRange: names("min max"), adaptiveRange: true } },
    },
  },
  { type: "multicluster-queue-scorer", role: "scorer", alpha: true },
  { type: "multicluster-kv-cache-utilization-scorer", role: "scorer", alpha: true },
  { type: "multicluster-prefix-cache-scorer", role: "scorer", alpha: true },
  { type: "latency-observation-scorer", role: "scorer" },
  { type: "attribute-weight-scorer", role: "scorer" },
  { type: "slo-headroom-tier-filter", role: "filter", parameters: names("epsilonExploreNeg") },
  {
    type: "endpoint-attribute-filter",
    role: "filter",
    alpha: true,
    parameters: {
      ...names("attribute producer onMissing fallbackOnEmpty"),
      algorithm: { type: true, threshold: names("operator value") },
    },
  },
  { type: "multicluster-session-affinity-filter", role: "filter", alpha: true },
  { type: "served-model-filter", role: "filter" },
];

const FLOW_CONTROL: readonly KnownPlugin[] = [
  { type: "max-saturation-detector", role: "saturation-detector", parameters: names("detectors stages") },
  {
    type: "global-strict-fairness-policy",
    role: "fairness-policy",
    flowControl: true,
    parameters: "ignored",
  },
  { type: "round-robin-fairness-policy", role: "fairness-policy", flowControl: true, parameters: "ignored" },
  {
    type: "program-aware-fairness",
    role: "fairness-policy",
    flowControl: true,
    parameters: names(
      "strategy lasWeightService lasWeightHeadWait lasHalfLifeSeconds evictionTtlSeconds evictionSweepSeconds",
    ),
  },
  { type: "fcfs-ordering-policy", role: "ordering-policy", flowControl: true, parameters: "ignored" },
  { type: "edf-ordering-policy", role: "ordering-policy", flowControl: true, parameters: "ignored" },
  { type: "slo-deadline-ordering-policy", role: "ordering-policy", flowControl: true, parameters: "ignored" },
  {
    type: "static-usage-limit-policy",
    role: "usage-limit-policy",
    flowControl: true,
    parameters: names("threshold"),
  },
  {
    type: "priority-holdback-policy",
    role: "usage-limit-policy",
    flowControl: true,
    alpha: true,
    parameters: names("shape domain minCeiling maxCeiling"),
  },
  { type: "soft-reflective-ceiling-policy", role: "usage-limit-policy", flowControl: true, alpha: true },
  { type: "latency-slo-admitter", role: "admitter" },
  {
    type: "probabilistic-admitter",
    role: "admitter",
    parameters: names("queueDepthThreshold kvCacheUtilThreshold power k"),
  },
  {
    type: "agent-identity",
    role: "request-processor",
    alpha: true,
    parameters: names("additionalSessionHeaders"),
  },
  { type: "disaggregatedset-rollout-screener", role: "screener", alpha: true },
];

const PRODUCERS: readonly KnownPlugin[] = [
  {
    type: "predicted-latency-producer",
    role: "producer",
    parameters: names(
      "samplingMean maxDecodeTokenSamplesForPrediction sloBufferFactor contextTTL streamingMode endpointRoleLabel " +
        "predictInProduce useEncoderCacheFeatures prefixMatchInfoProducerName",
    ),
  },
  {
    type: "burst-prefix-cache-producer",
    role: "producer",
    alpha: true,
    parameters: names(
      "windowDurationMs maxPerReplica blockSizeTokens maxPrefixTokensToMatch minColocateBlocks maxBatchSize balanceBy",
    ),
  },
  {
    type: "p2p-source-producer",
    role: "producer",
    alpha: true,
    parameters: names("minCachedTokenDelta prefillProfileName"),
  },
  { type: "mm-embeddings-cache-producer", role: "producer", parameters: names("cacheSizeInMBPerServer") },
  { type: "session-state-producer", role: "producer", parameters: names("evictionTtlSeconds evictionSweepSeconds") },
  { type: "multicluster-approx-prefix-cache-producer", role: "producer", alpha: true },
  { type: "session-manager", role: "request-processor" },
  { type: "reserve-endpoint", role: "request-processor", alpha: true },
];

const HOST: readonly KnownPlugin[] = [
  ...["openai-parser", "anthropic-parser", "vllmhttp-parser", "sglanghttp-parser", "vllmgrpc-parser"].map(parser),
  ...["vertexai-parser", "passthrough-parser"].map(parser),
  {
    type: "metrics-data-source",
    role: "data-source",
    host: true,
    parameters: names("scheme path port insecureSkipVerify caCertPath clientCertPath clientKeyPath interval"),
  },
  {
    type: "core-metrics-extractor",
    role: "extractor",
    host: true,
    parameters: { ...names("engineLabelKey defaultEngine"), engineConfigs: engineConfigParameters },
  },
  { type: "endpoint-notification-source", role: "data-source", host: true },
  { type: "k8s-notification-source", role: "data-source", host: true },
  { type: "models-data-source", role: "data-source", host: true },
  { type: "models-extractor", role: "extractor", host: true },
  { type: "dcgm-data-source", role: "data-source", alpha: true, host: true },
  { type: "dcgm-extractor", role: "extractor", alpha: true, host: true },
  { type: "multicluster-metrics-data-source", role: "data-source", alpha: true, host: true },
  { type: "multicluster-metrics-extractor", role: "extractor", alpha: true, host: true },
  { type: "request-attribute-reporter", role: "reporter", host: true },
  { type: "destination-endpoint-served-verifier", role: "reporter", host: true },
  { type: "file-discovery", role: "discovery", host: true, parameters: names("path watchFile") },
  { type: "multicluster-file-discovery", role: "discovery", alpha: true, host: true },
];

function parser(type: string): KnownPlugin {
  return { type, role: "parser", host: true, parameters: "ignored" };
}

/** Every plugin type of llm-d that this package knows of; those that it builds are in the registry and win. */
export const knownPlugins: readonly KnownPlugin[] = [...SCHEDULING, ...FLOW_CONTROL, ...PRODUCERS, ...HOST];
