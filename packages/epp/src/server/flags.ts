/** How a flag's text is read. */
export type FlagKind = "text" | "integer" | "boolean" | "duration" | "bytes" | "list";

/** A flag of the Endpoint Picker. */
export interface EppFlag {
  readonly name: string;
  readonly kind: FlagKind;
  /** As text; absent = unset. */
  readonly default?: string;
  readonly help: string;
  /** May be given several times. */
  readonly repeated?: true;
  /** Upstream has it; here it is read and has no effect. */
  readonly ignored?: true;
  /** Upstream does not have it. */
  readonly ours?: true;
}

/** Flags of upstream, by name and default (llm-d-router, `pkg/epp/server/options.go`). */
const UPSTREAM: readonly EppFlag[] = [
  { name: "config-file", kind: "text", help: "the EndpointPickerConfig" },
  { name: "config-text", kind: "text", help: "the EndpointPickerConfig as text, instead of a file" },
  {
    name: "allow-experimental-plugins",
    kind: "boolean",
    default: "false",
    help: "allows plugins that llm-d marks alpha",
  },
  { name: "pool-name", kind: "text", help: "the InferencePool" },
  { name: "pool-namespace", kind: "text", help: "its namespace" },
  { name: "pool-group", kind: "text", default: "inference.networking.k8s.io", help: "its API group" },
  { name: "endpoint-selector", kind: "text", help: "label selector of the model server pods, instead of a pool" },
  { name: "endpoint-target-ports", kind: "list", help: "their ports, 1 to 8" },
  {
    name: "disable-endpoint-subset-filter",
    kind: "boolean",
    default: "false",
    help: "ignores the gateway's subset hint",
  },
  {
    name: "emit-endpoint-scores",
    kind: "boolean",
    default: "false",
    help: "puts each endpoint's score in the metadata",
  },
  { name: "grpc-port", kind: "integer", default: "9002", help: "ext_proc" },
  { name: "grpc-health-port", kind: "integer", default: "9003", help: "gRPC health" },
  {
    name: "health-checking",
    kind: "boolean",
    default: "false",
    help: "gRPC health on the ext_proc port is always SERVING",
  },
  { name: "secure-serving", kind: "boolean", default: "true", help: "TLS on the ext_proc port" },
  { name: "cert-path", kind: "text", help: "folder of tls.crt and tls.key; self-signed without" },
  { name: "enable-cert-reload", kind: "boolean", default: "false", help: "follows changes in --cert-path" },
  { name: "tls-min-version", kind: "text", help: "VersionTLS12 or VersionTLS13" },
  { name: "tls-cipher-suites", kind: "list", help: "TLS 1.2 suites by Go's names" },
  { name: "grpc-max-recv-msg-size", kind: "bytes", default: "4Mi", help: "greatest message from the gateway" },
  { name: "grpc-max-send-msg-size", kind: "bytes", default: "4Mi", help: "greatest message to the gateway" },
  { name: "metrics-port", kind: "integer", default: "9090", help: "Prometheus metrics" },
  {
    name: "metrics-endpoint-auth",
    kind: "boolean",
    default: "true",
    help: "asks Kubernetes whether a scraper may read metrics",
  },
  { name: "metrics-cert-dir", kind: "text", help: "certificates of the metrics port: TLS" },
  { name: "metrics-client-ca-file", kind: "text", help: "scrapers must show a certificate of this authority" },
  { name: "refresh-metrics-interval", kind: "duration", default: "50ms", help: "between two scrapes of an endpoint" },
  { name: "metrics-staleness-threshold", kind: "duration", default: "2s", help: "age at which metrics count as stale" },
  {
    name: "refresh-prometheus-metrics-interval",
    kind: "duration",
    default: "5s",
    help: "between two updates of the pool's own metrics",
  },
  {
    name: "drain-timeout",
    kind: "duration",
    default: "30s",
    help: "after SIGTERM, how long requests are still served",
  },
  { name: "ha-enable-leader-election", kind: "boolean", default: "false", help: "only the leader is ready" },
  { name: "tracing", kind: "boolean", default: "true", help: "OpenTelemetry spans, as OTEL_* in the environment say" },
  { name: "v", kind: "integer", default: "2", help: "verbosity of the log: 4 and more is debug" },
  { name: "enable-grpc-stream-metrics", kind: "boolean", default: "false", help: "metrics of ext_proc streams" },
  { name: "enable-pprof", kind: "boolean", default: "true", help: "no effect: use node --inspect", ignored: true },
  { name: "zap-devel", kind: "boolean", help: "no effect", ignored: true },
  { name: "zap-encoder", kind: "text", help: "no effect: logs are JSON", ignored: true },
  { name: "zap-log-level", kind: "text", help: "no effect: use --v", ignored: true },
  { name: "zap-stacktrace-level", kind: "text", help: "no effect", ignored: true },
  { name: "zap-time-encoding", kind: "text", help: "no effect", ignored: true },
];

const OURS: readonly EppFlag[] = [
  {
    name: "bind-address",
    kind: "text",
    default: "127.0.0.1",
    help: "address of the ports for gateway, probes and metrics; 0.0.0.0 in a container (or WINDTUNNEL_EPP_BIND_ADDRESS)",
    ours: true,
  },
  { name: "endpoint", kind: "text", repeated: true, help: "a model server, name=ip:port[,label=value…]", ours: true },
  {
    name: "strict",
    kind: "boolean",
    default: "false",
    help: "departs from upstream's quirks (windtunnel validate --strict)",
    ours: true,
  },
  { name: "seed", kind: "text", help: "of random choices; drawn anew at each start without", ours: true },
  {
    name: "debug-port",
    kind: "integer",
    default: "9004",
    help: "debug pages, always on loopback; 0 = none",
    ours: true,
  },
  {
    name: "max-request-body-size",
    kind: "bytes",
    default: "64Mi",
    help: "greatest request body, else 413",
    ours: true,
  },
  {
    name: "max-resets-per-second",
    kind: "integer",
    default: "20000",
    help: "stream resets of one connection, else it is closed",
    ours: true,
  },
  { name: "max-metrics-page-size", kind: "bytes", default: "8Mi", help: "greatest page of a model server", ours: true },
  { name: "tokenizer-file", kind: "text", help: "tokenizer.json, instead of a renderer", ours: true },
  { name: "record", kind: "text", help: "folder for recordings; no content is recorded", ours: true },
  { name: "record-max-size", kind: "bytes", default: "1Gi", help: "of the folder: the oldest files go", ours: true },
  {
    name: "shadow-config",
    kind: "text",
    help: "a candidate EndpointPickerConfig that decides beside this one",
    ours: true,
  },
  {
    name: "reuse-port",
    kind: "boolean",
    default: "false",
    help: "lets a successor bind the same port while this one drains",
    ours: true,
  },
];

/** Every flag, in the order of the help. */
export const EPP_FLAGS: readonly EppFlag[] = [...UPSTREAM, ...OURS];
