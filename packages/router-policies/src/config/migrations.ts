import type { Position } from "../errors.ts";
import { PolicyError, quoted } from "../errors.ts";
import type { ListedPlugin } from "./document.ts";
import type { ConfigWarning } from "./endpoint-picker-config.ts";
import type { Located, LocatedEntry, LocatedMap } from "./located.ts";

/** Parameters that upstream still accepts and ignores, by plugin type. */
const IGNORED: Readonly<Record<string, readonly string[]>> = {
  "active-request-scorer": ["requestTimeout"],
  "no-hit-lru-scorer": ["prefixPluginType", "prefixPluginName"],
  "predicted-latency-producer": ["samplingMean", "maxDecodeTokenSamplesForPrediction"],
};

/** Parameters that moved from the scorer to the producer that it reads (GAIE 1.4, llm-d 0.7 and older). */
const MOVED_TO_PRODUCER: Readonly<Record<string, string>> = {
  autotune: "autoTune",
  blocksizetokens: "blockSizeTokens",
  blocksize: "blockSizeTokens",
  maxprefixblockstomatch: "maxPrefixBlocksToMatch",
  lrucapacityperserver: "lruCapacityPerServer",
};

/** Types that still work and what to use in their place. */
const DEPRECATED: Readonly<Record<string, string>> = {
  "by-label": "label-selector-filter",
  "precise-prefix-cache-scorer": "precise-prefix-cache-producer and prefix-cache-scorer",
};

const PREFIX_SCORER = "prefix-cache-scorer";
const PREFIX_PRODUCER = "approx-prefix-cache-producer";
const AFFINITY_FILTER = "prefix-cache-affinity-filter";
const DISAGG_HANDLER = "disagg-profile-handler";
/** Types whose work the disaggregation handler has taken over. */
const FOLDED = ["disagg-headers-handler", "prefill-header-handler"];
const HANDLER_TYPES = [DISAGG_HANDLER, "pd-profile-handler"];
const DEFAULT_PEAK_PREFILL_THROUGHPUT = 15928;

/** What migrations give: plugins in today's words, and names that stand for nothing any more. */
export interface Migrated {
  readonly plugins: readonly ListedPlugin[];
  readonly dropped: ReadonlySet<string>;
}

/** Rewrites what older llm-d and GAIE releases wrote in other words; every change is a warning. */
export function migrate(listed: readonly ListedPlugin[], warnings: ConfigWarning[]): Migrated {
  const warn = (position: Position, message: string): void => void warnings.push({ position, message });
  for (const { type, typeAt } of listed) {
    const instead = Object.hasOwn(DEPRECATED, type) ? DEPRECATED[type] : undefined;
    if (instead !== undefined) warn(typeAt, `${quoted(type)} is deprecated: use ${instead}`);
  }
  const folded = foldHandlers(listed, warn);
  const plugins = folded.plugins
    .map((plugin) => dropIgnored(plugin, warn))
    .map((plugin) => (HANDLER_TYPES.includes(plugin.type) ? nestDisaggParameters(plugin, warn) : plugin))
    .map((plugin) => migrateAffinityPenalty(plugin, warn));
  return { plugins: moveToProducer(plugins, warn), dropped: folded.dropped };
}

type Warn = (position: Position, message: string) => void;

function foldHandlers(listed: readonly ListedPlugin[], warn: Warn): Migrated {
  let hasHandler = listed.some(({ type }) => HANDLER_TYPES.includes(type) || type.endsWith("-profile-handler"));
  const dropped = new Set<string>();
  const plugins = listed.flatMap((plugin) => {
    if (!FOLDED.includes(plugin.type)) return [plugin];
    if (hasHandler) {
      warn(plugin.typeAt, `${quoted(plugin.type)} dropped: ${DISAGG_HANDLER} writes its headers`);
      dropped.add(plugin.name);
      return [];
    }
    hasHandler = true;
    warn(plugin.typeAt, `${quoted(plugin.type)} migrated to ${quoted(DISAGG_HANDLER)}`);
    return [{ ...plugin, type: DISAGG_HANDLER }];
  });
  return { plugins, dropped };
}

const entriesOf = (plugin: ListedPlugin): readonly LocatedEntry[] =>
  plugin.parameters?.kind === "map" ? plugin.parameters.entries : [];

const named =
  (name: string) =>
  (entry: LocatedEntry): boolean =>
    entry.key.toLowerCase() === name.toLowerCase();

function withEntries(plugin: ListedPlugin, entries: readonly LocatedEntry[]): ListedPlugin {
  const parameters: LocatedMap = { kind: "map", at: plugin.parameters?.at ?? plugin.at, entries };
  return { ...plugin, parameters };
}

function dropIgnored(plugin: ListedPlugin, warn: Warn): ListedPlugin {
  const ignored = Object.hasOwn(IGNORED, plugin.type) ? IGNORED[plugin.type]! : [];
  const isIgnored = (entry: LocatedEntry): boolean => ignored.some((name) => named(name)(entry));
  if (!entriesOf(plugin).some(isIgnored)) return plugin;
  const kept = entriesOf(plugin).filter((entry) => {
    if (isIgnored(entry)) warn(entry.keyAt, `${quoted(entry.key)} of ${plugin.type} has no effect any more`);
    return !isIgnored(entry);
  });
  return withEntries(plugin, kept);
}

/** The flat parameters of older releases by lower-case name, and where each stands now. A later one gives way. */
const FLAT_DISAGG: ReadonlyMap<string, readonly ["profiles" | "deciders", string]> = new Map([
  ["decodeprofile", ["profiles", "decode"]],
  ["prefillprofile", ["profiles", "prefill"]],
  ["encodeprofile", ["profiles", "encode"]],
  ["prefilldeciderpluginname", ["deciders", "prefill"]],
  ["encodedeciderpluginname", ["deciders", "encode"]],
  ["deciderpluginname", ["deciders", "prefill"]],
]);

/** Flat parameters of the disaggregation handler become nested ones; the two are never mixed, as upstream. */
function nestDisaggParameters(plugin: ListedPlugin, warn: Warn): ListedPlugin {
  const flat = entriesOf(plugin).filter(({ key }) => FLAT_DISAGG.has(key.toLowerCase()));
  if (flat.length === 0) return plugin;
  const rest = entriesOf(plugin).filter((entry) => !flat.includes(entry));
  const nested = rest.find((entry) => named("profiles")(entry) || named("deciders")(entry));
  if (nested !== undefined) {
    const [old] = flat;
    throw new PolicyError(
      `${quoted(old!.key)} of ${plugin.type} is the older form of ${quoted(nested.key)}: use one or the other`,
      old!.keyAt,
    );
  }
  const order = [...FLAT_DISAGG.keys()];
  flat.sort((a, b) => order.indexOf(a.key.toLowerCase()) - order.indexOf(b.key.toLowerCase()));
  const groups = { profiles: [] as LocatedEntry[], deciders: [] as LocatedEntry[] };
  for (const { key, keyAt, value } of flat) {
    const [group, name] = FLAT_DISAGG.get(key.toLowerCase())!;
    warn(keyAt, `${quoted(key)} of ${plugin.type} migrated to ${quoted(`${group}.${name}`)}`);
    if (!groups[group].some(named(name))) groups[group].push({ key: name, keyAt, value });
  }
  const added = (["profiles", "deciders"] as const).flatMap((key): LocatedEntry[] => {
    const [first] = groups[key];
    const at = first?.keyAt ?? plugin.at;
    return first === undefined ? [] : [{ key, keyAt: at, value: { kind: "map", at, entries: groups[key] } }];
  });
  return withEntries(plugin, [...rest, ...added]);
}

const scalar = (value: number, at: Position): Located => ({ kind: "scalar", at, value });

/** τ tokens in flight became a penalty in time: peakPrefillThroughput · maxTTFTPenaltyMs / 1000 = τ. */
function migrateAffinityPenalty(plugin: ListedPlugin, warn: Warn): ListedPlugin {
  const entries = entriesOf(plugin);
  const old = plugin.type === AFFINITY_FILTER ? entries.find(named("maxTokensInFlightPenalty")) : undefined;
  if (old === undefined || old.value.kind !== "scalar" || typeof old.value.value !== "number") return plugin;
  const rest = entries.filter((entry) => entry !== old);
  const peakNode = rest.find(named("peakPrefillThroughput"))?.value;
  const peak = peakNode?.kind === "scalar" && typeof peakNode.value === "number" ? peakNode.value : 0;
  const penaltyMs = (old.value.value / (peak > 0 ? peak : DEFAULT_PEAK_PREFILL_THROUGHPUT)) * 1000;
  if (rest.some(named("maxTTFTPenaltyMs"))) {
    warn(old.keyAt, `"maxTokensInFlightPenalty" dropped: "maxTTFTPenaltyMs" is given too`);
    return withEntries(plugin, rest);
  }
  warn(old.keyAt, `"maxTokensInFlightPenalty: ${old.value.value}" migrated to "maxTTFTPenaltyMs: ${penaltyMs}"`);
  const entry: LocatedEntry = { key: "maxTTFTPenaltyMs", keyAt: old.keyAt, value: scalar(penaltyMs, old.value.at) };
  return withEntries(plugin, [...rest, entry]);
}

/** Moves the index parameters of old prefix scorers to the producer, which is added when it is not listed. */
function moveToProducer(listed: readonly ListedPlugin[], warn: Warn): readonly ListedPlugin[] {
  const plugins = [...listed];
  for (const [i, plugin] of listed.entries()) {
    const moves = (entry: LocatedEntry): boolean => Object.hasOwn(MOVED_TO_PRODUCER, entry.key.toLowerCase());
    if (plugin.type !== PREFIX_SCORER || !entriesOf(plugin).some(moves)) continue;
    plugins[i] = withEntries(
      plugin,
      entriesOf(plugin).filter((entry) => !moves(entry)),
    );
    const moved = movedEntries(entriesOf(plugin).filter(moves), plugin, warn);
    const producerNode = entriesOf(plugin).find(named("prefixMatchInfoProducerName"))?.value;
    const producer = producerNode?.kind === "scalar" ? String(producerNode.value) : PREFIX_PRODUCER;
    const at = plugins.findIndex(({ name, type }) => type === PREFIX_PRODUCER && name === producer);
    if (at < 0) {
      const { at: place, typeAt } = plugin;
      const added = { name: producer, named: true, type: PREFIX_PRODUCER, typeAt, parameters: undefined, at: place };
      plugins.push(withEntries(added, moved));
    } else {
      const own = entriesOf(plugins[at]!);
      plugins[at] = withEntries(plugins[at]!, [...own, ...moved.filter(({ key }) => !own.some(named(key)))]);
    }
  }
  return plugins;
}

function movedEntries(entries: readonly LocatedEntry[], plugin: ListedPlugin, warn: Warn): LocatedEntry[] {
  return entries.flatMap((entry) => {
    const key = MOVED_TO_PRODUCER[entry.key.toLowerCase()]!;
    warn(entry.keyAt, `${quoted(entry.key)} of ${plugin.type} migrated to ${quoted(key)} of ${PREFIX_PRODUCER}`);
    const moved: LocatedEntry = { ...entry, key };
    if (key !== "maxPrefixBlocksToMatch") return [moved];
    // The cap in blocks counts only while the cap in tokens is off.
    return [moved, { key: "maxPrefixTokensToMatch", keyAt: entry.keyAt, value: scalar(0, entry.value.at) }];
  });
}
