import { type KnownPlugin, knownPlugins } from "./config/known-plugins.ts";
import * as deciders from "./deciders/index.ts";
import * as filters from "./filters/index.ts";
import type { PluginDefinition } from "./framework/plugin.ts";
import * as pickers from "./pickers/index.ts";
import * as producers from "./producers/index.ts";
import * as profileHandlers from "./profile-handlers/index.ts";
import * as scorers from "./scorers/index.ts";

/** Every plugin that this package builds: what the index files of the plugin folders export. */
export const builtPlugins: readonly PluginDefinition[] = [
  filters,
  scorers,
  pickers,
  profileHandlers,
  producers,
  deciders,
].flatMap((index) => Object.values(index) as readonly unknown[] as readonly PluginDefinition[]);

/** A plugin type, built here or only known of. */
export type PluginType =
  | { readonly status: "built"; readonly definition: PluginDefinition }
  | { readonly status: "known"; readonly definition: KnownPlugin };

const builtTypes = new Set(builtPlugins.flatMap(({ type, aliases }) => [type, ...(aliases ?? [])]));

/** All plugin types: those built, then those only known of. */
export const pluginTypes: readonly PluginType[] = [
  ...builtPlugins.map((definition): PluginType => ({ status: "built", definition })),
  ...knownPlugins
    .filter(({ type }) => !builtTypes.has(type))
    .map((definition): PluginType => ({ status: "known", definition })),
];

const byName: ReadonlyMap<string, PluginType> = new Map(
  [...pluginTypes].flatMap((entry) =>
    [entry.definition.type, ...(entry.definition.aliases ?? [])].map((name): [string, PluginType] => [name, entry]),
  ),
);

/** The plugin type of a name or an older name. */
export const pluginType = (name: string): PluginType | undefined => byName.get(name);

/** Every accepted name, older ones included. */
export const pluginTypeNames: readonly string[] = [...byName.keys()];
