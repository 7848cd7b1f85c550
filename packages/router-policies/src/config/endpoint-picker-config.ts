import type { Position } from "../errors.ts";
import type { PluginRole } from "../framework/plugin.ts";
import type { KnownRole } from "./known-plugins.ts";

/** A note on the configuration that stops nothing: a migration, a deprecation, a likely mistake. */
export interface ConfigWarning {
  readonly position: Position;
  readonly message: string;
}

/** A plugin that llm-d has and this router has not. */
export interface UnsupportedPlugin {
  readonly name: string;
  readonly type: string;
  readonly position: Position;
  /** Whether requests would be routed differently without it: a router refuses to start. */
  readonly matters: boolean;
}

/** One plugin instance, parameters resolved. */
export interface PluginSpec {
  readonly name: string;
  readonly type: string;
  readonly role: PluginRole | KnownRole;
  /** With every default in force; as given for a plugin that is not built here. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Whether this package builds it, or only knows of it. */
  readonly status: "built" | "known";
  /** Added by a default rather than listed. */
  readonly injected: boolean;
  readonly position: Position;
}

export interface ProfilePluginSpec {
  readonly plugin: string;
  /** Of a scorer; 1 unless given. */
  readonly weight: number;
}

export interface SchedulingProfileSpec {
  readonly name: string;
  readonly plugins: readonly ProfilePluginSpec[];
}

export interface PriorityBandSpec {
  /** Absent in the two default bands. */
  readonly priority?: number;
  readonly maxBytes: number;
  readonly maxRequests: number;
  readonly defaultRequestTtlUs?: number;
  readonly fairnessPolicy: string;
  readonly orderingPolicy: string;
}

export interface FlowControlSpec {
  /** 0 = no limit. */
  readonly maxBytes: number;
  /** 0 = no limit. */
  readonly maxRequests: number;
  /** 0 = never. */
  readonly defaultRequestTtlUs: number;
  readonly noEndpointRequestTtlUs: number;
  readonly defaultPriorityBand?: PriorityBandSpec;
  readonly defaultNegativePriorityBand?: PriorityBandSpec;
  readonly priorityBands: readonly PriorityBandSpec[];
  readonly usageLimitPolicy: string;
  readonly bandSelectionPolicy?: string;
  readonly enableEviction: boolean;
}

export interface DataLayerSpec {
  readonly injectDefaults: boolean;
  readonly sources: readonly { readonly plugin: string; readonly extractors: readonly string[] }[];
  readonly endpointDiscovery?: string;
  readonly peerDiscovery?: string;
  readonly crossReplica?: {
    readonly syncer?: string;
    readonly syncIntervalUs?: number;
    readonly publishTimeoutUs?: number;
  };
}

export interface FeatureGates {
  readonly flowControl: boolean;
  readonly haPopulateNonLeaderDatastore: boolean;
}

/** An llm-d EndpointPickerConfig, read, checked and completed with every default: what a `Router` is built from. */
export interface EndpointPickerConfig {
  readonly file: string;
  readonly apiVersion: string;
  readonly featureGates: FeatureGates;
  /** In the order listed, then those that defaults added. */
  readonly plugins: readonly PluginSpec[];
  readonly schedulingProfiles: readonly SchedulingProfileSpec[];
  readonly profileHandler: string;
  readonly requestHandler: { readonly parsers: readonly string[]; readonly propagatePriority: boolean };
  readonly dataLayer: DataLayerSpec;
  readonly flowControl: FlowControlSpec;
  readonly saturationDetector: string;
  /** Departs from upstream's quirks. */
  readonly strict: boolean;
  readonly warnings: readonly ConfigWarning[];
  readonly unsupported: readonly UnsupportedPlugin[];
}
