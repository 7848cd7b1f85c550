import type {
  DataLayerSpec,
  EndpointPickerConfig,
  FlowControlSpec,
  PriorityBandSpec,
} from "@windtunnel/router-policies";
import { formatDurationUs } from "@windtunnel/sim-core";
import { stringify } from "yaml";

/**
 * A router's configuration as a document that loads again: every plugin, those that defaults added marked as such, every
 * parameter in force.
 */
export function routerDocument(config: EndpointPickerConfig): string {
  const { plugins, schedulingProfiles, requestHandler, saturationDetector, featureGates } = config;
  const head = {
    apiVersion: "llm-d.ai/v1alpha1",
    kind: "EndpointPickerConfig",
    featureGates: Object.entries(featureGates).map(([gate, on]) => `${gate}=${on}`),
  };
  const rest = {
    schedulingProfiles: schedulingProfiles.map(({ name, plugins: listed }) => ({
      name,
      plugins: listed.map(({ plugin, weight }) => ({ pluginRef: plugin, ...(weight === 1 ? {} : { weight }) })),
    })),
    requestHandler: {
      parsers: requestHandler.parsers.map(reference),
      propagatePriority: requestHandler.propagatePriority,
    },
    dataLayer: dataLayer(config.dataLayer),
    saturationDetector: reference(saturationDetector),
    ...(featureGates.flowControl ? { flowControl: flowControl(config.flowControl) } : {}),
  };
  // One entry at a time, so that a remark can stand above it.
  const listed = plugins.map(({ name, type, parameters, injected }) => {
    const entry = { name, type, ...(Object.keys(parameters).length === 0 ? {} : { parameters }) };
    const text = stringify([entry], { lineWidth: 0 }).replace(/^(?=.)/gm, "  ");
    return injected ? `  # added by default\n${text}` : text;
  });
  return [stringify(head), "plugins:\n", ...listed, stringify(rest, { lineWidth: 0 })].join("");
}

const reference = (name: string) => ({ pluginRef: name });

function dataLayer({ injectDefaults, sources, endpointDiscovery, peerDiscovery, crossReplica = {} }: DataLayerSpec) {
  const { syncer, syncIntervalUs, publishTimeoutUs } = crossReplica;
  return {
    injectDefaults,
    sources: sources.map(({ plugin, extractors }) => ({ pluginRef: plugin, extractors: extractors.map(reference) })),
    ...(endpointDiscovery === undefined ? {} : { discovery: reference(endpointDiscovery) }),
    ...(peerDiscovery === undefined ? {} : { peerDiscovery: reference(peerDiscovery) }),
    ...(syncer === undefined ? {} : { crossReplicaSyncerPluginRef: syncer }),
    ...(syncIntervalUs === undefined ? {} : { crossReplicaSyncInterval: formatDurationUs(syncIntervalUs) }),
    ...(publishTimeoutUs === undefined ? {} : { crossReplicaPublishTimeout: formatDurationUs(publishTimeoutUs) }),
  };
}

function flowControl(spec: FlowControlSpec) {
  const { defaultPriorityBand, defaultNegativePriorityBand, bandSelectionPolicy } = spec;
  return {
    maxBytes: spec.maxBytes,
    maxRequests: spec.maxRequests,
    defaultRequestTTL: formatDurationUs(spec.defaultRequestTtlUs),
    noEndpointRequestTTL: formatDurationUs(spec.noEndpointRequestTtlUs),
    ...(defaultPriorityBand ? { defaultPriorityBand: band(defaultPriorityBand) } : {}),
    ...(defaultNegativePriorityBand ? { defaultNegativePriorityBand: band(defaultNegativePriorityBand) } : {}),
    priorityBands: spec.priorityBands.map(band),
    usageLimitPolicyPluginRef: spec.usageLimitPolicy,
    ...(bandSelectionPolicy === undefined ? {} : { bandSelectionPolicyPluginRef: bandSelectionPolicy }),
    enableEviction: spec.enableEviction,
  };
}

function band({ priority, maxBytes, maxRequests, defaultRequestTtlUs, ...policies }: PriorityBandSpec) {
  return {
    ...(priority === undefined ? {} : { priority }),
    maxBytes,
    maxRequests,
    ...(defaultRequestTtlUs === undefined ? {} : { defaultRequestTTL: formatDurationUs(defaultRequestTtlUs) }),
    fairnessPolicyRef: policies.fairnessPolicy,
    orderingPolicyRef: policies.orderingPolicy,
  };
}
