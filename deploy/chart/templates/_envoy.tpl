{{- define "epp.envoyContainer" -}}
{{- $proxy := .Values.router.proxy -}}
- name: envoy-proxy
  image: {{ $proxy.image | quote }}
  imagePullPolicy: {{ $proxy.imagePullPolicy }}
  command: ["envoy"]
  args:
    - --config-path
    - /etc/envoy/envoy.yaml
    - --log-level
    - warn
    - --disable-hot-restart
    - --cpuset-threads
  ports:
    - name: http-proxy
      containerPort: 8081
    - name: proxy-ready
      containerPort: 19001
  readinessProbe:
    httpGet:
      path: /ready
      port: proxy-ready
    periodSeconds: 5
    failureThreshold: 1
  lifecycle:
    preStop:
      # Envoy ends at once when it is told to; what is open gets this long.
      sleep:
        seconds: {{ $proxy.drainSeconds }}
  {{- with $proxy.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- mustMergeOverwrite (include "epp.containerSecurity" . | fromYaml) $proxy.securityContext | toYaml | nindent 4 }}
  volumeMounts:
    - name: envoy
      mountPath: /etc/envoy
      readOnly: true
{{- end }}

{{/*
Envoy's configuration. A request goes to the address that the Endpoint Picker put into its header. Without that header,
which happens only where the Endpoint Picker does not answer and the proxy fails open, it goes to any model server; a
client's own header is taken off first.
*/}}
{{- define "epp.envoyConfig" -}}
{{- $router := .Values.router -}}
{{- $service := eq (include "epp.proxyMode" .) "service" -}}
{{- $domain := printf "%s.svc.%s" .Release.Namespace $router.clusterDomain -}}
admin:
  address:
    socket_address: { address: 127.0.0.1, port_value: 19000 }
static_resources:
  listeners:
    - name: ready
      address:
        socket_address: { address: 0.0.0.0, port_value: 19001 }
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: ready
                route_config:
                  virtual_hosts:
                    - name: ready
                      domains: ["*"]
                      routes:
                        - match: { path: /stats/prometheus }
                          route: { cluster: admin }
                http_filters:
                  - name: envoy.filters.http.health_check
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck
                      pass_through_mode: false
                      headers:
                        - name: ":path"
                          string_match: { exact: /ready }
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
    - name: models
      address:
        socket_address: { address: 0.0.0.0, port_value: 8081 }
      per_connection_buffer_limit_bytes: 32768
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: models
                use_remote_address: true
                normalize_path: true
                merge_slashes: true
                path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT
                server_header_transformation: PASS_THROUGH
                common_http_protocol_options:
                  headers_with_underscores_action: REJECT_REQUEST
                http2_protocol_options:
                  max_concurrent_streams: 100
                  initial_stream_window_size: 65536
                  initial_connection_window_size: 1048576
                early_header_mutation_extensions:
                  - name: envoy.http.early_header_mutation.header_mutation
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation
                      mutations:
                        - remove: x-gateway-destination-endpoint
                route_config:
                  name: models
                  virtual_hosts:
                    - name: models
                      domains: ["*"]
                      routes:
                        - match:
                            prefix: /
                            headers:
                              - name: x-gateway-destination-endpoint
                                present_match: true
                          route:
                            cluster: chosen
                            timeout: 86400s
                            idle_timeout: 86400s
                        - match: { prefix: / }
                          {{- if $router.proxy.failOpen }}
                          route:
                            cluster: any
                            timeout: 86400s
                            idle_timeout: 86400s
                          {{- else }}
                          direct_response: { status: 503 }
                          {{- end }}
                http_filters:
                  - name: envoy.filters.http.ext_proc
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor
                      failure_mode_allow: {{ $router.proxy.failOpen }}
                      # A request may wait for its turn.
                      message_timeout: 1000s
                      grpc_service:
                        envoy_grpc: { cluster_name: epp, authority: "{{ include "epp.name" . }}:{{ int $router.epp.extProcPort }}" }
                      processing_mode:
                        request_header_mode: SEND
                        response_header_mode: SEND
                        request_body_mode: FULL_DUPLEX_STREAMED
                        response_body_mode: FULL_DUPLEX_STREAMED
                        request_trailer_mode: SEND
                        response_trailer_mode: SEND
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
                      suppress_envoy_headers: true
  clusters:
    - name: admin
      type: STATIC
      connect_timeout: 1s
      load_assignment:
        cluster_name: admin
        endpoints:
          - lb_endpoints:
              - endpoint:
                  address:
                    socket_address: { address: 127.0.0.1, port_value: 19000 }
    - name: chosen
      type: ORIGINAL_DST
      connect_timeout: 10s
      lb_policy: CLUSTER_PROVIDED
      original_dst_lb_config:
        use_http_header: true
        http_header_name: x-gateway-destination-endpoint
      circuit_breakers: &many
        thresholds:
          - max_connections: 40000
            max_pending_requests: 40000
            max_requests: 40000
    {{- if $router.proxy.failOpen }}
    - name: any
      type: STRICT_DNS
      connect_timeout: 10s
      lb_policy: LEAST_REQUEST
      circuit_breakers: *many
      load_assignment:
        cluster_name: any
        endpoints:
          - lb_endpoints:
              {{- range $router.modelServers.targetPorts }}
              - endpoint:
                  address:
                    socket_address:
                      address: {{ include "epp.modelServersName" $ }}.{{ $domain }}
                      port_value: {{ int .number }}
              {{- end }}
    {{- end }}
    - name: epp
      type: {{ ternary "STRICT_DNS" "STATIC" $service }}
      connect_timeout: 5s
      lb_policy: LEAST_REQUEST
      circuit_breakers: *many
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config:
            http2_protocol_options:
              initial_stream_window_size: 65536
              initial_connection_window_size: 1048576
      {{- if include "epp.secureServing" . }}
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          common_tls_context:
            alpn_protocols: ["h2"]
      {{- end }}
      load_assignment:
        cluster_name: epp
        endpoints:
          - lb_endpoints:
              - endpoint:
                  address:
                    socket_address:
                      address: {{ if $service }}{{ include "epp.name" . }}.{{ $domain }}{{ else }}127.0.0.1{{ end }}
                      port_value: {{ int $router.epp.extProcPort }}
{{- end }}
