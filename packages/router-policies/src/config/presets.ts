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

const PRESETS: ReadonlyMap<string, string> = new Map([
  ["default", DEFAULT],
  ["optimized-baseline", OPTIMIZED_BASELINE],
  ["precise-prefix-cache", PRECISE_PREFIX_CACHE],
  ["round-robin", withPicker("round-robin-picker")],
  ["random", withPicker("random-picker")],
  ["least-connections", withPicker("least-connections-picker")],
  ["power-of-two-choices", withPicker("power-of-two-choices-picker")],
]);

/** Names of the built-in configurations. */
export const presetNames: readonly string[] = [...PRESETS.keys()];

/** The EndpointPickerConfig of a built-in name, as YAML; undefined when there is none of that name. */
export const presetText = (name: string): string | undefined => PRESETS.get(name);
