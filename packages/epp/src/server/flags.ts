/** How a flag's text is read. */
export type FlagKind = "text" | "integer" | "boolean" | "duration" | "bytes" | "list";

/** A flag of the Endpoint Picker. */
export interface EppFlag {
  readonly name: string;
  readonly kind: FlagKind;
  /** As text; absent = unset. */
  readonly default?: string;
  readonly help: string;
  /** What the help calls its value, where the kind says too little. */
  readonly value?: string;
  /** Least number; 0 unless given. */
  readonly minimum?: number;
  /** May be given several times. */
  readonly repeated?: true;
  /** Upstream does not have it. */
  readonly ours?: true;
}

/** Flags of one concern, under their heading in the help. */
export interface FlagSection {
  readonly title: string;
  readonly flags: readonly EppFlag[];
}

/** Names and defaults of upstream's flags are upstream's (llm-d-router, `pkg/epp/server/options.go`). */
export const FLAG_SECTIONS: readonly FlagSection[] = [
  {
    title: "Policy",
    flags: [
      {
        name: "config-file",
        kind: "text",
        value: "file",
        help: "the EndpointPickerConfig; without one llm-d's default policy",
      },
      { name: "config-text", kind: "text", value: "yaml", help: "the EndpointPickerConfig itself, instead of a file" },
      {
        name: "allow-experimental-plugins",
        kind: "boolean",
        default: "false",
        help: "allows plugins that llm-d marks alpha",
      },
      {
        name: "strict",
        kind: "boolean",
        default: "false",
        help: "departs from upstream's quirks, as windtunnel validate --strict",
        ours: true,
      },
      {
        name: "seed",
        kind: "text",
        help: "of random choices: the same gives the same; drawn anew at each start without",
        ours: true,
      },
      {
        name: "tokenizer-file",
        kind: "text",
        value: "file",
        help: "tokenizer.json of the model: counts tokens here, asks no renderer",
        ours: true,
      },
      {
        name: "shadow-config",
        kind: "text",
        value: "file",
        help: "an EndpointPickerConfig that decides beside this one and changes nothing",
        ours: true,
      },
    ],
  },
  {
    title: "Model servers: one of --pool-name, --endpoint-selector, --endpoint, or a file-discovery plugin",
    flags: [
      { name: "pool-name", kind: "text", help: "the InferencePool (Kubernetes)" },
      { name: "pool-namespace", kind: "text", help: "its namespace; without it that of the pod" },
      { name: "pool-group", kind: "text", default: "inference.networking.k8s.io", help: "its API group" },
      {
        name: "endpoint-selector",
        kind: "text",
        value: "labels",
        help: "label selector of the pods, instead of a pool (Kubernetes)",
      },
      { name: "endpoint-target-ports", kind: "list", value: "ports", help: "their ports, 1 to 8 of them" },
      {
        name: "endpoint",
        kind: "text",
        value: "name=ip:port[,…]",
        repeated: true,
        help: "a model server, with label=value after commas; once for each",
        ours: true,
      },
      {
        name: "disable-endpoint-subset-filter",
        kind: "boolean",
        default: "false",
        help: "ignores the gateway's subset hint",
      },
      {
        name: "refresh-metrics-interval",
        kind: "duration",
        default: "50ms",
        help: "between two scrapes of an endpoint, 50ms or more",
      },
      {
        name: "max-metrics-page-size",
        kind: "bytes",
        minimum: 1,
        default: "8Mi",
        help: "a longer page of a model server is not read",
        ours: true,
      },
    ],
  },
  {
    title: "Gateway",
    flags: [
      {
        name: "bind-address",
        kind: "text",
        value: "ip",
        default: "127.0.0.1",
        help: "of all ports but --debug-port: 0.0.0.0 in a container (or WINDTUNNEL_EPP_BIND_ADDRESS)",
        ours: true,
      },
      { name: "grpc-port", kind: "integer", value: "port", default: "9002", help: "ext_proc; 0 = any that is free" },
      { name: "grpc-health-port", kind: "integer", value: "port", default: "9003", help: "gRPC health" },
      {
        name: "health-checking",
        kind: "boolean",
        default: "false",
        help: "answers gRPC health on the ext_proc port too, always SERVING",
      },
      {
        name: "reuse-port",
        kind: "boolean",
        default: "false",
        help: "a successor may bind both gRPC ports while this one drains (Linux)",
        ours: true,
      },
      {
        name: "drain-timeout",
        kind: "duration",
        default: "30s",
        help: "after SIGTERM it serves so long, not ready, then waits as long for open requests",
      },
      {
        name: "ha-enable-leader-election",
        kind: "boolean",
        default: "false",
        help: "of several, only the leader is ready (Kubernetes)",
      },
      {
        name: "emit-endpoint-scores",
        kind: "boolean",
        default: "false",
        help: "tells the gateway each endpoint's score; explains every decision, which costs",
      },
    ],
  },
  {
    title: "TLS of the ext_proc port",
    flags: [
      { name: "secure-serving", kind: "boolean", default: "true", help: "TLS; --secure-serving=false for none" },
      {
        name: "cert-path",
        kind: "text",
        value: "folder",
        help: "of tls.crt and tls.key; without it a self-signed certificate",
      },
      { name: "enable-cert-reload", kind: "boolean", default: "false", help: "follows changes in --cert-path" },
      { name: "tls-min-version", kind: "text", value: "version", help: "VersionTLS12 or VersionTLS13" },
      { name: "tls-cipher-suites", kind: "list", value: "names", help: "suites of TLS 1.2, by Go's names" },
    ],
  },
  {
    title: "Limits",
    flags: [
      {
        name: "max-request-body-size",
        kind: "bytes",
        minimum: 1,
        default: "64Mi",
        help: "a longer request body gets 413",
        ours: true,
      },
      {
        name: "grpc-max-recv-msg-size",
        kind: "bytes",
        minimum: 1,
        default: "4Mi",
        help: "a longer message from the gateway ends its stream",
      },
      {
        name: "grpc-max-send-msg-size",
        kind: "bytes",
        minimum: 1,
        default: "4Mi",
        help: "of a message to the gateway",
      },
      {
        name: "max-resets-per-second",
        kind: "integer",
        minimum: 1,
        default: "20000",
        help: "a connection that resets more streams is closed",
        ours: true,
      },
    ],
  },
  {
    title: "Operations (docs/operations.md)",
    flags: [
      { name: "metrics-port", kind: "integer", value: "port", default: "9090", help: "Prometheus metrics" },
      {
        name: "metrics-endpoint-auth",
        kind: "boolean",
        default: "true",
        help: "a scraper's token must be allowed by Kubernetes; no check without Kubernetes",
      },
      {
        name: "metrics-cert-dir",
        kind: "text",
        value: "folder",
        help: "of tls.crt and tls.key: TLS on the metrics port",
      },
      {
        name: "metrics-client-ca-file",
        kind: "text",
        value: "file",
        help: "scrapers must show a certificate of this authority",
      },
      {
        name: "debug-port",
        kind: "integer",
        value: "port",
        default: "9004",
        help: "debug pages, on loopback only; 0 = none",
        ours: true,
      },
      {
        name: "tracing",
        kind: "boolean",
        default: "true",
        help: "OpenTelemetry spans, where OTEL_* in the environment name an exporter",
      },
      { name: "v", kind: "integer", value: "verbosity", default: "2", help: "of the log; from 4 a line per request" },
    ],
  },
  {
    title: "Recording (docs/recordings.md)",
    flags: [
      {
        name: "record",
        kind: "text",
        value: "folder",
        help: "records what reaches the router and what it decides, never content",
        ours: true,
      },
      {
        name: "record-max-size",
        kind: "bytes",
        default: "1Gi",
        help: "of the folder: the oldest files go",
        ours: true,
      },
    ],
  },
];

/** Every flag that does something, in the order of the help. */
export const EPP_FLAGS: readonly EppFlag[] = FLAG_SECTIONS.flatMap(({ flags }) => flags);

/** A flag of upstream that is read and does nothing here, so that its charts start. */
export interface IneffectiveFlag {
  readonly name: string;
  readonly kind: "text" | "boolean" | "duration";
  /** What has its effect here. */
  readonly why: string;
}

/** What is said of each when it is given. */
export const INEFFECTIVE_FLAGS: readonly IneffectiveFlag[] = [
  {
    name: "metrics-staleness-threshold",
    kind: "duration",
    why: "saturation detectors have their own, metricsStalenessThreshold",
  },
  {
    name: "refresh-prometheus-metrics-interval",
    kind: "duration",
    why: "gauges are as of the moment in which the page is read",
  },
  { name: "enable-grpc-stream-metrics", kind: "boolean", why: "there are no metrics of streams" },
  { name: "enable-pprof", kind: "boolean", why: "node --inspect profiles" },
  { name: "zap-devel", kind: "boolean", why: "logs are JSON" },
  { name: "zap-encoder", kind: "text", why: "logs are JSON" },
  { name: "zap-log-level", kind: "text", why: "--v sets the level" },
  { name: "zap-stacktrace-level", kind: "text", why: "logs have no stacks" },
  { name: "zap-time-encoding", kind: "text", why: "times are ISO 8601" },
];
