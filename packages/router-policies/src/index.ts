export type {
  ConfigWarning,
  DataLayerSpec,
  EndpointPickerConfig,
  FeatureGates,
  FlowControlSpec,
  PluginSpec,
  PriorityBandSpec,
  ProfilePluginSpec,
  SchedulingProfileSpec,
  UnsupportedPlugin,
} from "./config/endpoint-picker-config.ts";
export type { KnownPlugin, KnownRole, ParameterNames } from "./config/known-plugins.ts";
export { type LoadOptions, loadEndpointPickerConfig } from "./config/load.ts";
export { presetNames, presetText } from "./config/presets.ts";
export { nearestMatch, PolicyError, type Position } from "./errors.ts";
export type { BlockKeys } from "./framework/block-keys.ts";
export type * from "./framework/data.ts";
export type * from "./framework/decision.ts";
export {
  type Endpoint,
  type EndpointFacts,
  type EndpointMetrics,
  type LoraAdapters,
  NEVER_SCRAPED_US,
} from "./framework/endpoint.ts";
export * from "./framework/plugin.ts";
export type { RandomSource } from "./framework/random.ts";
export type { InferenceRequest } from "./framework/request.ts";
export { durationUs, quantity } from "./framework/units.ts";
export { type ParameterRow, type PluginRow, pluginTable } from "./plugin-table.ts";
export { builtPlugins, type PluginType, pluginType, pluginTypeNames, pluginTypes } from "./registry.ts";
export type { HostEndpoint } from "./router/endpoint-pool.ts";
export type { RouterHost, RouterNeeds } from "./router/host.ts";
export { Router } from "./router/router.ts";
