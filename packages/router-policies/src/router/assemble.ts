import type { EndpointPickerConfig, PluginSpec } from "../config/endpoint-picker-config.ts";
import { producerNameOf } from "../config/producer-name.ts";
import { PolicyError } from "../errors.ts";
import {
  type DataKey,
  type DataKind,
  type DataKinds,
  LIVE_DATA_KINDS,
  type PrefixMatchData,
} from "../framework/data.ts";
import type {
  Decider,
  Filter,
  PeerEndpoint,
  Picker,
  Plugin,
  PluginContext,
  PluginDefinition,
  Producer,
  ProfileHandler,
  SaturationDetector,
  Scorer,
} from "../framework/plugin.ts";
import { APPROX_PREFIX_CACHE_PRODUCER } from "../producers/approx-prefix-cache-producer.ts";
import { pluginType } from "../registry.ts";
import type { RouterHost } from "./host.ts";
import { CompiledProfile } from "./profile.ts";

/** What a built plugin may do besides picking, which pickers and profile handlers both call `pick`. */
export type BuiltRoles = Omit<Plugin, "pick" | "primary" | "onlyProfile"> & { readonly data?: Partial<DataKinds> };

/** A built plugin with what it was built from. */
export interface BuiltPlugin {
  readonly spec: PluginSpec;
  readonly definition: PluginDefinition;
  readonly plugin: BuiltRoles;
}

/** The data of a producer that is not there: nothing is known, nothing is in flight. */
function absentData(kind: DataKind): DataKinds[DataKind] {
  const NONE = new Float64Array(0);
  const none: DataKinds = {
    "prefix-match": {
      available: false,
      totalBlocks: 0,
      blockSizeTokens: 0,
      ...{ matchBlocks: NONE, cachedBlocks: NONE },
    },
    "in-flight-load": { requests: new Int32Array(0), tokens: new Float64Array(0) },
    "uncached-tokens": { tokens: new Float64Array(0) },
    tokens: { available: false, promptTokens: 0 },
    topology: { places: [] },
    session: { id: undefined },
  };
  return none[kind];
}

/** Builds every plugin, those first whose data others read; equals in the order of the configuration. */
export function buildPlugins(config: EndpointPickerConfig, host: RouterHost): BuiltPlugin[] {
  const missing = config.unsupported.find(({ matters }) => matters);
  if (missing !== undefined) {
    const message = `plugin type "${missing.type}" is known to llm-d, not supported yet`;
    throw new PolicyError(message, missing.position);
  }
  const waiting = config.plugins.flatMap((spec) => {
    const entry = pluginType(spec.type);
    if (entry?.status !== "built") return [];
    return [{ spec, definition: entry.definition, requires: requirementsOf(spec), refersTo: referencesOf(spec) }];
  });
  const byName = new Map<string, BuiltPlugin>();
  const peer: PeerEndpoint = { endpoint: undefined };
  const names = new Set(waiting.map(({ spec }) => spec.name));
  while (waiting.length > 0) {
    const isBuilt = (name: string): boolean => byName.has(name) || !names.has(name);
    const ready = waiting.findIndex(
      ({ requires, refersTo }) => requires.every((key) => isBuilt(makerOf(key, config))) && refersTo.every(isBuilt),
    );
    if (ready < 0) {
      const circle = waiting.map(({ spec }) => spec.name).join(", ");
      throw new PolicyError(`plugins need each other's data in a circle: ${circle}`, waiting[0]!.spec.position);
    }
    const [next] = waiting.splice(ready, 1);
    const { spec, definition } = next!;
    byName.set(spec.name, { spec, definition, plugin: create(next!, byName, peer, config, host) });
  }
  return [...byName.values()];
}

const makerOf = (key: DataKey, { plugins, strict }: EndpointPickerConfig): string =>
  producerNameOf(key, plugins, strict);

function requirementsOf(spec: PluginSpec): readonly DataKey[] {
  const entry = pluginType(spec.type);
  if (entry?.status !== "built") return [];
  return entry.definition.requires?.(spec.parameters as never) ?? [];
}

/** Names of the plugins that the parameters name. */
function referencesOf(spec: PluginSpec): readonly string[] {
  const entry = pluginType(spec.type);
  if (entry?.status !== "built") return [];
  return (entry.definition.refersTo?.(spec.parameters as never) ?? []).map(({ name }) => name);
}

/** A plugin that is about to be built. */
interface WaitingPlugin {
  readonly spec: PluginSpec;
  readonly definition: PluginDefinition;
  readonly requires: readonly DataKey[];
  readonly refersTo: readonly string[];
}

function create(
  { spec, definition, requires, refersTo }: WaitingPlugin,
  built: ReadonlyMap<string, BuiltPlugin>,
  peer: PeerEndpoint,
  config: EndpointPickerConfig,
  host: RouterHost,
): BuiltPlugin["plugin"] {
  const context: PluginContext = {
    name: spec.name,
    random: host.random(`router/${spec.name}`),
    strict: config.strict,
    data<K extends DataKind>(kind: K, producer: string): DataKinds[K] {
      const key = requires.find((one) => one.kind === kind && one.producer === producer);
      if (key === undefined) {
        throw new PolicyError(`plugin "${spec.name}" reads ${kind} data of "${producer}" undeclared`, spec.position);
      }
      return (built.get(makerOf(key, config))?.plugin.data?.[kind] ?? absentData(kind)) as DataKinds[K];
    },
    decider(name) {
      const plugin = refersTo.includes(name) ? built.get(name)?.plugin : undefined;
      if (plugin?.disaggregate === undefined) {
        throw new PolicyError(`plugin "${spec.name}" names "${name}", expected a decider`, spec.position);
      }
      return plugin as BuiltRoles & Decider;
    },
    peer,
  };
  try {
    return definition.create(spec.parameters as never, context);
  } catch (error) {
    if (error instanceof PolicyError && error.position === undefined) {
      throw new PolicyError(`${spec.name}: ${error.detail}`, spec.position);
    }
    throw error;
  }
}

/**
 * The producers that must run for each request. One whose live data is all that is read keeps it by hooks alone: its
 * `produce` would fill arrays that nobody looks at.
 */
export function producersAtWork(built: readonly BuiltPlugin[]): Producer[] {
  const read = new Set(
    built.flatMap(({ spec }) => requirementsOf(spec).map(({ kind, producer }) => `${kind}/${producer}`)),
  );
  return built.flatMap(({ spec, definition, plugin }) => {
    const produces = definition.produces ?? [];
    const livesByHooks = produces.some((kind) => LIVE_DATA_KINDS.includes(kind));
    const filled = produces.filter((kind) => !LIVE_DATA_KINDS.includes(kind));
    const idle = livesByHooks && !filled.some((kind) => read.has(`${kind}/${spec.name}`));
    return plugin.produce === undefined || idle ? [] : [plugin as BuiltRoles & Producer];
  });
}

const isFilter = (plugin: BuiltRoles): plugin is BuiltRoles & Filter => plugin.filter !== undefined;
const isScorer = (plugin: BuiltRoles): plugin is BuiltRoles & Scorer => plugin.score !== undefined;

/** The profiles with their plugins; one that filters and scores stands in both places. */
export function compileProfiles(
  config: EndpointPickerConfig,
  built: readonly BuiltPlugin[],
  host: RouterHost,
): CompiledProfile[] {
  const byName = new Map(built.map((one) => [one.spec.name, one]));
  const options = { throwOutOfRange: host.outOfRange === "throw", normalise: config.strict };
  return config.schedulingProfiles.map((profile) => {
    const plugins = profile.plugins.map(({ plugin: name, weight }) => ({ name, weight, ...byName.get(name)! }));
    const picker = plugins.find(({ definition }) => definition.role === "picker")!;
    const parts = {
      name: profile.name,
      filters: plugins.flatMap(({ name, plugin }) => (isFilter(plugin) ? [{ name, filter: plugin }] : [])),
      scorers: plugins.flatMap(({ name, plugin, weight }) =>
        isScorer(plugin) ? [{ name, scorer: plugin, weight }] : [],
      ),
      picker: picker.plugin as BuiltRoles & Picker,
      pickerName: picker.name,
    };
    return new CompiledProfile(parts, options);
  });
}

const pluginNamed = (built: readonly BuiltPlugin[], name: string): BuiltRoles =>
  built.find(({ spec }) => spec.name === name)!.plugin;

/** The profile handler, which the configuration has checked to be one. */
export const profileHandlerOf = (config: EndpointPickerConfig, built: readonly BuiltPlugin[]): ProfileHandler =>
  pluginNamed(built, config.profileHandler) as BuiltRoles & ProfileHandler;

/** The saturation detector, which the configuration has checked to be one. */
export const detectorOf = (config: EndpointPickerConfig, built: readonly BuiltPlugin[]): SaturationDetector =>
  pluginNamed(built, config.saturationDetector) as BuiltRoles & SaturationDetector;

const CACHED_PREFIX: DataKey = { kind: "prefix-match", producer: APPROX_PREFIX_CACHE_PRODUCER, anyNameIfStrict: true };

/** The prefixes that the gate for `onlyIfCached` reads: those of the default name only, as upstream, unless `strict`. */
export const cachedPrefixOf = (
  config: EndpointPickerConfig,
  built: readonly BuiltPlugin[],
): PrefixMatchData | undefined => {
  const producer = makerOf(CACHED_PREFIX, config);
  return built.find(({ spec }) => spec.name === producer)?.plugin.data?.["prefix-match"];
};
