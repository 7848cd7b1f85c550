{{- define "epp.name" -}}
{{ printf "%s-epp" .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "epp.proxyName" -}}
{{ printf "%s-proxy" .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "epp.modelServersName" -}}
{{ printf "%s-model-servers" .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "epp.selectorLabels" -}}
app.kubernetes.io/name: {{ include "epp.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "epp.proxySelectorLabels" -}}
app.kubernetes.io/name: {{ include "epp.proxyName" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "epp.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: windtunnel
{{- end }}

{{- define "epp.image" -}}
{{- $image := .Values.router.epp.image -}}
{{ $image.registry }}/{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* sidecar, service, or nothing in gateway mode */}}
{{- define "epp.proxyMode" -}}
{{- if .Values.router.proxy.enabled }}{{ .Values.router.proxy.mode }}{{ end }}
{{- end }}

{{- define "epp.leaderElection" -}}
{{- $flags := .Values.router.epp.flags -}}
{{- if hasKey $flags "ha-enable-leader-election" -}}
{{- if eq (toString (index $flags "ha-enable-leader-election")) "true" }}true{{ end }}
{{- else if gt (int .Values.router.epp.replicas) 1 }}true{{ end }}
{{- end }}

{{- define "epp.secureServing" -}}
{{- if ne (toString (get .Values.router.epp.flags "secure-serving")) "false" }}true{{ end }}
{{- end }}

{{- define "epp.labelSelector" -}}
{{- $terms := list -}}
{{- range $key, $value := .Values.router.modelServers.matchLabels }}{{ $terms = append $terms (printf "%s=%s" $key $value) }}{{ end -}}
{{ join "," $terms }}
{{- end }}

{{- define "epp.targetPorts" -}}
{{- $ports := list -}}
{{- range .Values.router.modelServers.targetPorts }}{{ $ports = append $ports (toString (int .number)) }}{{ end -}}
{{ join "," $ports }}
{{- end }}

{{/* A container may do nothing but run: no root, no writing, no capabilities. */}}
{{- define "epp.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: ["ALL"]
{{- end }}

{{- define "epp.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* What the schema cannot say. */}}
{{- define "epp.validate" -}}
{{- if not .Values.router.modelServers.matchLabels }}
{{- fail "router.modelServers.matchLabels: give the labels of the model servers' pods" }}
{{- end }}
{{- if and (not .Values.router.inferencePool.create) (not .Values.router.proxy.enabled) }}
{{- fail "router.inferencePool.create: gateway mode (router.proxy.enabled=false) needs the pool" }}
{{- end }}
{{- if and (not .Values.router.inferencePool.create) .Values.router.inferenceObjectives }}
{{- fail "router.inferenceObjectives: objectives need router.inferencePool.create=true" }}
{{- end }}
{{- if and .Values.httpRoute.create .Values.router.proxy.enabled }}
{{- fail "httpRoute.create: a route leads to the pool in gateway mode only (router.proxy.enabled=false)" }}
{{- end }}
{{- $file := .Values.router.epp.pluginsConfigFile }}
{{- $custom := .Values.router.epp.pluginsCustomConfig }}
{{- if and .Values.router.epp.pluginsConfig (hasKey $custom $file) }}
{{- fail (printf "router.epp.pluginsConfig: %s is given in pluginsCustomConfig too" $file) }}
{{- end }}
{{- if and (ne $file "default-plugins.yaml") (not .Values.router.epp.pluginsConfig) (not (hasKey $custom $file)) }}
{{- fail (printf "router.epp.pluginsConfigFile: %s is neither default-plugins.yaml nor in pluginsCustomConfig (%s)" $file (join ", " (keys $custom | sortAlpha))) }}
{{- end }}
{{- end }}
