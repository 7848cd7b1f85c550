const HEAD = "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n";

const withPicker = (picker: string): string => `${HEAD}plugins:
- type: ${picker}
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: ${picker}
`;

/** llm-d's own default when it is given no configuration. */
const DEFAULT = `${HEAD}plugins:
- type: queue-scorer
- type: kv-cache-utilization-scorer
- type: prefix-cache-scorer
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: queue-scorer
    weight: 2
  - pluginRef: kv-cache-utilization-scorer
    weight: 2
  - pluginRef: prefix-cache-scorer
    weight: 3
`;

/** The plugins and weights of llm-d's guide of that name. */
const OPTIMIZED_BASELINE = `${HEAD}plugins:
- type: queue-scorer
- type: kv-cache-utilization-scorer
- type: prefix-cache-scorer
- type: no-hit-lru-scorer
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: queue-scorer
    weight: 2
  - pluginRef: kv-cache-utilization-scorer
    weight: 2
  - pluginRef: prefix-cache-scorer
    weight: 3
  - pluginRef: no-hit-lru-scorer
    weight: 2
`;

/** The guide precise-prefix-cache-routing, with what belongs to a cluster left out: the host renders the tokens. */
const PRECISE_PREFIX_CACHE = `${HEAD}plugins:
- type: token-producer
- type: precise-prefix-cache-producer
  parameters:
    tokenProcessorConfig:
      blockSizeTokens: 16
    speculativeIndexing: true
- type: prefix-cache-scorer
  parameters:
    prefixMatchInfoProducerName: precise-prefix-cache-producer
- type: kv-cache-utilization-scorer
- type: queue-scorer
- type: no-hit-lru-scorer
  parameters:
    prefixMatchInfoProducerName: precise-prefix-cache-producer
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: kv-cache-utilization-scorer
    weight: 2
  - pluginRef: queue-scorer
    weight: 2
  - pluginRef: prefix-cache-scorer
    weight: 3
  - pluginRef: no-hit-lru-scorer
    weight: 2
`;

/** The guide pd-disaggregation in today's parameters. Where no pod is labelled to prefill, decode pods do it themselves. */
const PD_DISAGGREGATION = `${HEAD}plugins:
- type: always-disagg-pd-decider
- type: disagg-profile-handler
  parameters:
    deciders:
      prefill: always-disagg-pd-decider
- type: prefill-filter
- type: decode-filter
- type: prefix-cache-scorer
- type: queue-scorer
- type: kv-cache-utilization-scorer
- type: active-request-scorer
schedulingProfiles:
- name: prefill
  plugins:
  - pluginRef: prefill-filter
  - pluginRef: prefix-cache-scorer
    weight: 3
  - pluginRef: queue-scorer
    weight: 2
  - pluginRef: kv-cache-utilization-scorer
    weight: 2
- name: decode
  plugins:
  - pluginRef: decode-filter
  - pluginRef: active-request-scorer
    weight: 2
  - pluginRef: prefix-cache-scorer
    weight: 3
`;

/**
 * The guide tiered-prefix-cache, CPU variant: one approximate index for what is in HBM, one as large as host memory,
 * 82,000 blocks a server as the guide sizes it.
 */
const TIERED_PREFIX_CACHE = `${HEAD}plugins:
- type: no-hit-lru-scorer
- type: approx-prefix-cache-producer
  name: gpu-prefix-cache-producer
- type: approx-prefix-cache-producer
  name: cpu-prefix-cache-producer
  parameters:
    autoTune: false
    lruCapacityPerServer: 82000
- type: queue-scorer
- type: kv-cache-utilization-scorer
- type: prefix-cache-scorer
  name: gpu-prefix-cache-scorer
  parameters:
    prefixMatchInfoProducerName: gpu-prefix-cache-producer
- type: prefix-cache-scorer
  name: cpu-prefix-cache-scorer
  parameters:
    prefixMatchInfoProducerName: cpu-prefix-cache-producer
schedulingProfiles:
- name: default
  plugins:
  - pluginRef: queue-scorer
  - pluginRef: kv-cache-utilization-scorer
  - pluginRef: gpu-prefix-cache-scorer
  - pluginRef: cpu-prefix-cache-scorer
  - pluginRef: no-hit-lru-scorer
`;

const PRESETS: ReadonlyMap<string, string> = new Map([
  ["default", DEFAULT],
  ["optimized-baseline", OPTIMIZED_BASELINE],
  ["precise-prefix-cache", PRECISE_PREFIX_CACHE],
  ["pd-disaggregation", PD_DISAGGREGATION],
  ["tiered-prefix-cache", TIERED_PREFIX_CACHE],
  ["round-robin", withPicker("round-robin-picker")],
  ["random", withPicker("random-picker")],
  ["least-connections", withPicker("least-connections-picker")],
  ["power-of-two-choices", withPicker("power-of-two-choices-picker")],
]);

/** Names of the built-in configurations. */
export const presetNames: readonly string[] = [...PRESETS.keys()];

/** The EndpointPickerConfig of a built-in name, as YAML; undefined when there is none of that name. */
export const presetText = (name: string): string | undefined => PRESETS.get(name);
