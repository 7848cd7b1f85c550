import { stringify } from "yaml";

/** An Endpoint Picker on 127.0.0.1. */
export interface EppAddress {
  readonly port: number;
  /** Where its health is asked for; without one it counts as healthy. */
  readonly healthPort?: number;
}

export interface EnvoyConfigOptions {
  /** One, or several of which one may drain while another takes over. */
  readonly epps: readonly EppAddress[];
  /** Port of the gateway on 127.0.0.1; 0 = any free one. */
  readonly listenerPort: number;
  readonly adminPort: number;
  /** Requests go on without the Endpoint Picker when it fails; they then have no destination unless one is given. */
  readonly failureModeAllow: boolean;
  /** The Endpoint Picker serves TLS; its certificate is not verified. */
  readonly eppTls: boolean;
  /**
   * Endpoints (`ip:port`) for Envoy's `override_host` policy, which walks a list of destinations and tells the Endpoint
   * Picker which one served; without them the destination header goes to an ORIGINAL_DST cluster, as in llm-d's charts.
   */
  readonly overrideHosts?: readonly string[];
}

const TYPE = "type.googleapis.com/";
const DESTINATION = "x-gateway-destination-endpoint";
const SERVED = "x-gateway-destination-endpoint-served";
const MANY = { max_connections: 40000, max_pending_requests: 40000, max_requests: 40000 };
/**
 * Quick, so that a draining Endpoint Picker gets no new requests soon after it says so. None is tried when none is
 * healthy: a stream that cannot begin fails open, one that fails after its first piece of body cannot
 * (envoyproxy/envoy pull request 41276).
 */
const HEALTH_CHECKED = {
  health_checks: [
    {
      timeout: "1s",
      interval: "0.25s",
      no_traffic_interval: "0.25s",
      unhealthy_threshold: 1,
      healthy_threshold: 1,
      grpc_health_check: { service_name: "envoy.service.ext_proc.v3.ExternalProcessor" },
    },
  ],
  common_lb_config: { healthy_panic_threshold: { value: 0 } },
};
const WINDOWS = { initial_stream_window_size: 65536, initial_connection_window_size: 1048576 };

/**
 * Envoy's configuration as YAML: one listener, the Endpoint Picker as external processor, model servers by destination.
 * Source: llm-d, `guides/no-kubernetes-deployment/envoy.yaml`, with modes and limits as there.
 */
export function envoyConfig(options: EnvoyConfigOptions): string {
  return stringify(
    {
      admin: { address: address("127.0.0.1", options.adminPort) },
      static_resources: { listeners: [listener(options)], clusters: [modelServers(options), eppCluster(options)] },
    },
    { aliasDuplicateObjects: false },
  );
}

function address(host: string, port: number): object {
  return { socket_address: { address: host, port_value: port } };
}

function listener(options: EnvoyConfigOptions): object {
  const manager = {
    "@type": `${TYPE}envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: "gateway",
    route_config: {
      name: "models",
      virtual_hosts: [
        {
          name: "models",
          domains: ["*"],
          routes: [
            {
              match: { prefix: "/" },
              route: { cluster: "model_servers", timeout: "86400s", idle_timeout: "86400s" },
            },
          ],
        },
      ],
    },
    http_filters: [extProcFilter(options), routerFilter()],
    http_protocol_options: { enable_trailers: true },
    http2_protocol_options: { max_concurrent_streams: 100, ...WINDOWS },
    use_remote_address: true,
    normalize_path: true,
    merge_slashes: true,
    server_header_transformation: "PASS_THROUGH",
    common_http_protocol_options: { headers_with_underscores_action: "REJECT_REQUEST" },
    path_with_escaped_slashes_action: "UNESCAPE_AND_REDIRECT",
  };
  return {
    name: "gateway",
    address: address("127.0.0.1", options.listenerPort),
    per_connection_buffer_limit_bytes: 32768,
    filter_chains: [{ filters: [{ name: "envoy.filters.network.http_connection_manager", typed_config: manager }] }],
  };
}

function extProcFilter({ failureModeAllow }: EnvoyConfigOptions): object {
  return {
    name: "envoy.filters.http.ext_proc",
    typed_config: {
      "@type": `${TYPE}envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor`,
      grpc_service: { envoy_grpc: { cluster_name: "ext_proc", authority: "localhost" }, timeout: "10s" },
      failure_mode_allow: failureModeAllow,
      processing_mode: {
        request_header_mode: "SEND",
        response_header_mode: "SEND",
        request_body_mode: "FULL_DUPLEX_STREAMED",
        response_body_mode: "FULL_DUPLEX_STREAMED",
        request_trailer_mode: "SEND",
        response_trailer_mode: "SEND",
      },
      message_timeout: "1000s",
      // The feedback of which endpoint served, and subset hints, reach the Endpoint Picker in these.
      metadata_options: { forwarding_namespaces: { untyped: ["envoy.lb", "envoy.lb.subset_hint"] } },
    },
  };
}

function routerFilter(): object {
  return {
    name: "envoy.filters.http.router",
    typed_config: { "@type": `${TYPE}envoy.extensions.filters.http.router.v3.Router`, suppress_envoy_headers: true },
  };
}

function modelServers({ overrideHosts }: EnvoyConfigOptions): object {
  const shared = {
    name: "model_servers",
    connect_timeout: "5s",
    circuit_breakers: { thresholds: [MANY] },
    typed_extension_protocol_options: httpProtocol({ http_protocol_options: { enable_trailers: true } }),
  };
  if (overrideHosts === undefined) {
    return {
      ...shared,
      type: "ORIGINAL_DST",
      lb_policy: "CLUSTER_PROVIDED",
      original_dst_lb_config: { use_http_header: true, http_header_name: DESTINATION },
    };
  }
  return {
    ...shared,
    type: "STATIC",
    load_balancing_policy: { policies: [{ typed_extension_config: overrideHostPolicy() }] },
    load_assignment: assignment("model_servers", overrideHosts),
  };
}

function overrideHostPolicy(): object {
  return {
    name: "envoy.load_balancing_policies.override_host",
    typed_config: {
      "@type": `${TYPE}envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost`,
      override_host_sources: [{ header: DESTINATION }],
      selected_host_key: { key: "envoy.lb", path: [{ key: SERVED }] },
      fallback_policy: {
        policies: [
          {
            typed_extension_config: {
              name: "envoy.load_balancing_policies.round_robin",
              typed_config: { "@type": `${TYPE}envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin` },
            },
          },
        ],
      },
    },
  };
}

function eppCluster({ epps, eppTls }: EnvoyConfigOptions): object {
  const tls = {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      "@type": `${TYPE}envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext`,
      common_tls_context: { alpn_protocols: ["h2"] },
    },
  };
  const endpoints = epps.map(({ port, healthPort }) => {
    const health = healthPort === undefined ? {} : { health_check_config: { port_value: healthPort } };
    return { endpoint: { address: address("127.0.0.1", port), ...health } };
  });
  return {
    name: "ext_proc",
    type: "STATIC",
    connect_timeout: "5s",
    lb_policy: "LEAST_REQUEST",
    circuit_breakers: { thresholds: [{ ...MANY, max_retries: 1024 }] },
    typed_extension_protocol_options: httpProtocol({ http2_protocol_options: WINDOWS }),
    load_assignment: { cluster_name: "ext_proc", endpoints: [{ lb_endpoints: endpoints }] },
    ...(epps.some(({ healthPort }) => healthPort !== undefined) ? HEALTH_CHECKED : {}),
    ...(eppTls ? { transport_socket: tls } : {}),
  };
}

function httpProtocol(explicit: object): object {
  return {
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
      "@type": `${TYPE}envoy.extensions.upstreams.http.v3.HttpProtocolOptions`,
      explicit_http_config: explicit,
    },
  };
}

function assignment(cluster: string, hosts: readonly string[]): object {
  const endpoints = hosts.map((host) => {
    const colon = host.lastIndexOf(":");
    const ip = host.slice(0, colon).replace(/^\[|\]$/g, "");
    return { endpoint: { address: address(ip, Number(host.slice(colon + 1))) } };
  });
  return { cluster_name: cluster, endpoints: [{ lb_endpoints: endpoints }] };
}
