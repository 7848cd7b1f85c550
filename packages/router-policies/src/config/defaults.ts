import { PolicyError, type Position, quoted } from "../errors.ts";
import type { DataKey, DataKind } from "../framework/data.ts";
import type { ConfigDocument, ListedProfile } from "./document.ts";
import type { ConfigWarning, DataLayerSpec, SchedulingProfileSpec } from "./endpoint-picker-config.ts";
import { DEFAULT_POLICIES, type PolicyRef } from "./flow-control.ts";
import type { Ref } from "./located.ts";
import type { PluginSet, ResolvedPlugin } from "./plugin-set.ts";
import { producerNameOf } from "./producer-name.ts";

/** Roles that do something in a scheduling profile. A detector is a filter too. */
const PROFILE_ROLES = ["filter", "scorer", "picker", "saturation-detector"];
const DEFAULT_PICKER = "max-score-picker";
const DEFAULT_HANDLER = "single-profile-handler";
const DEFAULT_PARSERS = ["openai-parser", "anthropic-parser", "vllmhttp-parser", "passthrough-parser"];
const DEFAULT_SOURCE = "metrics-data-source";
const DEFAULT_EXTRACTOR = "core-metrics-extractor";
const DETECTOR_ROLE = "saturation-detector";
const DEFAULT_DETECTOR = "utilization-detector";

/** Who makes a kind of data when nobody listed does. */
const DEFAULT_PRODUCERS: Readonly<Partial<Record<DataKind, string>>> = {
  "prefix-match": "approx-prefix-cache-producer",
  "in-flight-load": "inflight-load-producer",
  tokens: "token-producer",
};
/** Upstream has no default for it, although the same producer makes it. */
const STRICT_PRODUCERS: typeof DEFAULT_PRODUCERS = {
  ...DEFAULT_PRODUCERS,
  "uncached-tokens": "inflight-load-producer",
};

/** The profiles, each with exactly one picker; without any, one of every filter, scorer and picker listed. */
export function completeProfiles(
  document: ConfigDocument,
  set: PluginSet,
  dropped: ReadonlySet<string>,
  warnings: ConfigWarning[],
): SchedulingProfileSpec[] {
  const given = document.profiles.length > 0 ? document.profiles : [profileOfAll(set, document.at)];
  const names = new Set<string>();
  const profiles = given.map((profile) => {
    if (names.has(profile.name)) throw new PolicyError(`profile ${quoted(profile.name)} stands twice`, profile.at);
    names.add(profile.name);
    return completeProfile(profile, set, dropped, warnings);
  });
  return profiles;
}

function profileOfAll(set: PluginSet, at: Position): ListedProfile {
  const plugins = set.all
    .filter(({ role }) => PROFILE_ROLES.includes(role))
    .map(({ name, position }) => ({ ref: { name, at: position }, weight: 1 }));
  return { name: "default", at, plugins };
}

function completeProfile(
  profile: ListedProfile,
  set: PluginSet,
  dropped: ReadonlySet<string>,
  warnings: ConfigWarning[],
): SchedulingProfileSpec {
  const plugins: { plugin: string; weight: number }[] = [];
  let picker: string | undefined;
  for (const { ref, weight } of profile.plugins) {
    if (dropped.has(ref.name) && set.get(ref.name) === undefined) continue;
    const { name, role } = set.resolve(ref, `profile ${quoted(profile.name)}`);
    if (!PROFILE_ROLES.includes(role)) {
      const message = `${quoted(name)} in profile ${quoted(profile.name)} has no effect: it is a ${role}`;
      warnings.push({ position: ref.at, message });
      continue;
    }
    if (role === "picker") {
      if (picker !== undefined) {
        const both = `${quoted(picker)} and ${quoted(name)}`;
        throw new PolicyError(`profile ${quoted(profile.name)} has two pickers, ${both}`, ref.at);
      }
      picker = name;
    }
    plugins.push({ plugin: name, weight });
  }
  if (picker === undefined) {
    const existing = set.all.find(({ role }) => role === "picker") ?? set.inject(DEFAULT_PICKER);
    plugins.push({ plugin: existing.name, weight: 1 });
  }
  return { name: profile.name, plugins };
}

/** The only profile handler; the single-profile one when there is one profile and no handler. */
export function completeHandler(set: PluginSet, profiles: readonly SchedulingProfileSpec[], at: Position): string {
  const [handler, second] = set.all.filter(({ role }) => role === "profile-handler");
  if (second !== undefined) {
    const both = `${quoted(handler!.name)} and ${quoted(second.name)}`;
    throw new PolicyError(`only one profile handler is allowed, found ${both}`, second.position);
  }
  if (handler === undefined) {
    if (profiles.length === 1) return set.inject(DEFAULT_HANDLER).name;
    throw new PolicyError(`${profiles.length} scheduling profiles need a profile handler, found none`, at);
  }
  if (handler.type === DEFAULT_HANDLER && profiles.length > 1) {
    const message = `${handler.type} allows one scheduling profile, found ${profiles.length}`;
    throw new PolicyError(message, handler.position);
  }
  return handler.name;
}

/** The parsers, in order. One referenced by its type name need not be listed. */
export function completeParsers(parsers: readonly Ref[], set: PluginSet): string[] {
  if (parsers.length === 0) return DEFAULT_PARSERS.map((type) => set.inject(type).name);
  return parsers.map((ref) => {
    const plugin = set.get(ref.name) ?? injectParser(ref, set);
    return ofRole(plugin, "parser", ref).name;
  });
}

function injectParser(ref: Ref, set: PluginSet): ResolvedPlugin {
  const type = parserTypes().find((parser) => parser === ref.name);
  return type === undefined ? set.resolve(ref, "parsers") : set.inject(type);
}

const parserTypes = (): readonly string[] => [
  ...DEFAULT_PARSERS,
  ...["sglanghttp-parser", "vllmgrpc-parser", "vertexai-parser"],
];

function ofRole(plugin: ResolvedPlugin, role: string, ref: Ref): ResolvedPlugin {
  if (plugin.role === role) return plugin;
  throw new PolicyError(`${quoted(ref.name)} is a ${plugin.role}, expected a ${role}`, ref.at);
}

/** The data sources with their extractors, the default pair in front unless switched off or named. */
export function completeDataLayer({ dataLayer }: ConfigDocument, set: PluginSet): DataLayerSpec {
  const sources = dataLayer.sources.map(({ ref, extractors }) => ({
    plugin: set.resolve(ref, "dataLayer.sources").name,
    extractors: extractors.map((extractor) => set.resolve(extractor, "extractors").name),
  }));
  if (dataLayer.injectDefaults && !sources.some(({ plugin }) => plugin === DEFAULT_SOURCE)) {
    const extractors = [set.inject(DEFAULT_EXTRACTOR).name];
    sources.unshift({ plugin: set.inject(DEFAULT_SOURCE).name, extractors });
  }
  const discovery = (ref: Ref | undefined): string | undefined =>
    ref && ofRole(set.resolve(ref, "discovery"), "discovery", ref).name;
  const endpointDiscovery = discovery(dataLayer.endpointDiscovery);
  const peerDiscovery = discovery(dataLayer.peerDiscovery);
  const syncer = dataLayer.syncer && set.resolve(dataLayer.syncer, "syncerPluginRef").name;
  const { syncIntervalUs, publishTimeoutUs } = dataLayer;
  const crossReplica = {
    ...(syncer === undefined ? {} : { syncer }),
    ...(syncIntervalUs === undefined ? {} : { syncIntervalUs }),
    ...(publishTimeoutUs === undefined ? {} : { publishTimeoutUs }),
  };
  return {
    injectDefaults: dataLayer.injectDefaults,
    sources,
    ...(endpointDiscovery === undefined ? {} : { endpointDiscovery }),
    ...(peerDiscovery === undefined ? {} : { peerDiscovery }),
    ...(Object.keys(crossReplica).length === 0 ? {} : { crossReplica }),
  };
}

/** Refuses plugins that declare scraped metrics as their data when no source extracts them. */
export function requireExtractor(dataLayer: DataLayerSpec, set: PluginSet): void {
  const extracted = dataLayer.sources.some(({ extractors }) =>
    extractors.some((name) => set.get(name)?.type === DEFAULT_EXTRACTOR),
  );
  if (extracted) return;
  for (const { name, entry, position } of set.all) {
    if (entry.status !== "built" || entry.definition.requiresExtractor !== true) continue;
    throw new PolicyError(`${quoted(name)} needs ${DEFAULT_EXTRACTOR} in dataLayer.sources, found none`, position);
  }
}

/** The saturation detector: the default one need not be listed. */
export function completeDetector(ref: Ref | undefined, set: PluginSet): string {
  if (ref === undefined || (ref.name === DEFAULT_DETECTOR && set.get(ref.name) === undefined)) {
    return set.inject(DEFAULT_DETECTOR).name;
  }
  const plugin = set.resolve(ref, "saturationDetector");
  const { entry } = plugin;
  const detects =
    entry.status === "built" ? entry.definition.detectsSaturation : entry.definition.role === DETECTOR_ROLE;
  if (detects === true) return plugin.name;
  throw new PolicyError(`${quoted(ref.name)} is a ${plugin.role}, expected a saturation detector`, ref.at);
}

/** Flow-control policies: the three default ones need not be listed. */
export function completePolicies(policies: readonly PolicyRef[], set: PluginSet): void {
  for (const type of Object.values(DEFAULT_POLICIES)) set.inject(type);
  for (const { ref, role } of policies) ofRole(set.resolve(ref, "flowControl"), role, ref);
}

/** Creates the producers that required data lack, until nothing is missing. */
export function completeProducers(set: PluginSet, strict: boolean, warnings: ConfigWarning[]): void {
  const defaults = strict ? STRICT_PRODUCERS : DEFAULT_PRODUCERS;
  const warned = new Set<string>();
  for (let round = 0; round < 8; round++) {
    const missing = set.all.flatMap((plugin) =>
      set
        .requirements(plugin)
        .map((key) => ({ ...key, producer: producerNameOf(key, set.all, strict) }))
        .filter((key) => !produced(key, set))
        .map((key) => ({ plugin, key })),
    );
    for (const { plugin, key } of missing) {
      if (key.optional === true || defaults[key.kind] === key.producer) continue;
      const { name, position } = plugin;
      const hint = key.producer === DEFAULT_PRODUCERS["in-flight-load"] ? `; list ${key.producer} in plugins` : "";
      const message = `${quoted(name)} needs ${key.kind} data of ${quoted(key.producer)}, which nothing produces`;
      throw new PolicyError(`${message}${hint}`, position);
    }
    const required = missing.filter(({ key }) => key.optional !== true);
    if (required.length === 0) {
      for (const { plugin, key } of missing) warnOptional(plugin, key, warned, warnings);
      return;
    }
    for (const { key } of required) set.inject(key.producer);
  }
}

function produced(key: DataKey, set: PluginSet): boolean {
  const producer = set.get(key.producer);
  if (producer === undefined) return false;
  const { entry } = producer;
  // What a plugin that is only known of produces is not known; take its word.
  return entry.status === "known" ? producer.role === "producer" : (entry.definition.produces ?? []).includes(key.kind);
}

/** Names listed plugins only: a default that reads optional data is not the reader's doing. */
function warnOptional(plugin: ResolvedPlugin, key: DataKey, warned: Set<string>, warnings: ConfigWarning[]): void {
  const id = `${plugin.name}/${key.kind}/${key.producer}`;
  if (plugin.injected || warned.has(id)) return;
  warned.add(id);
  const message = `${quoted(plugin.name)} runs without ${key.kind} data: ${quoted(key.producer)} is not there`;
  warnings.push({ position: plugin.position, message });
}
