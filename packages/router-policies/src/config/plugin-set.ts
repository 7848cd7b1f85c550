import { PolicyError, type Position, quoted, suggestion } from "../errors.ts";
import type { DataKey } from "../framework/data.ts";
import type { PluginDefinition } from "../framework/plugin.ts";
import { type PluginType, pluginType, pluginTypeNames } from "../registry.ts";
import type { ListedPlugin } from "./document.ts";
import type { ConfigWarning, PluginSpec } from "./endpoint-picker-config.ts";
import type { Located, Ref } from "./located.ts";
import { checkKnownParameters, positionOf, resolveParameters } from "./parameters.ts";

/** A plugin of the configuration with what its type says. */
export interface ResolvedPlugin extends PluginSpec {
  readonly entry: PluginType;
  /** The parameters as they stand in the file. */
  readonly node?: Located | undefined;
}

/** The plugins of one configuration, by name; grows as defaults add to it. */
export class PluginSet {
  readonly all: ResolvedPlugin[] = [];
  readonly #byName = new Map<string, ResolvedPlugin>();
  /** Older type names that stood for a plugin's name, and the name that it has now. */
  readonly #renamed = new Map<string, string>();
  readonly #at: Position;

  constructor(
    listed: readonly ListedPlugin[],
    options: { readonly allowExperimentalPlugins: boolean },
    warnings: ConfigWarning[],
    at: Position,
  ) {
    this.#at = at;
    for (const plugin of listed) this.#add(plugin, options, warnings);
    for (const plugin of [...this.all]) this.#addBrought(plugin);
  }

  /** Adds what comes with a plugin, unless a plugin of that name is there. */
  #addBrought({ entry, parameters, position }: ResolvedPlugin): void {
    if (entry.status === "known") return;
    for (const brought of entry.definition.brings?.(parameters as never) ?? []) {
      const other = pluginType(brought.type)!;
      if (this.#byName.has(brought.type)) continue;
      this.#insert({
        ...{ name: brought.type, type: brought.type, role: other.definition.role, status: other.status, position },
        ...{ injected: true, entry: other, parameters: brought.parameters as PluginSpec["parameters"] },
      });
    }
  }

  #add(plugin: ListedPlugin, options: { allowExperimentalPlugins: boolean }, warnings: ConfigWarning[]): void {
    const entry = pluginType(plugin.type);
    if (entry === undefined) {
      const message = `unknown plugin type ${quoted(plugin.type)}${suggestion(plugin.type, pluginTypeNames)}`;
      throw new PolicyError(message, plugin.typeAt);
    }
    const { type, alpha } = entry.definition;
    if (alpha === true && !options.allowExperimentalPlugins) {
      const message = `plugin type ${quoted(type)} is alpha: it needs the flag that allows experimental plugins`;
      throw new PolicyError(message, plugin.typeAt);
    }
    const name = plugin.named ? plugin.name : type;
    if (type !== plugin.type) {
      warnings.push({ position: plugin.typeAt, message: `${quoted(plugin.type)} migrated to ${quoted(type)}` });
      if (!plugin.named) this.#renamed.set(plugin.name, type);
    }
    if (this.#byName.has(name)) throw new PolicyError(`plugin name ${quoted(name)} stands twice`, plugin.at);
    const { parameters } = plugin;
    this.#insert({
      ...{ name, type, role: entry.definition.role, status: entry.status, injected: false, entry, node: parameters },
      parameters:
        entry.status === "known"
          ? checkKnownParameters(entry.definition, parameters)
          : builtParameters(entry.definition, { name, type, at: plugin.at }, parameters),
      position: plugin.typeAt,
    });
  }

  #insert(plugin: ResolvedPlugin): void {
    this.all.push(plugin);
    this.#byName.set(plugin.name, plugin);
  }

  get(name: string): ResolvedPlugin | undefined {
    return this.#byName.get(name) ?? this.#byName.get(this.#renamed.get(name) ?? "");
  }

  /** Adds a plugin of a type with default parameters, unless one of that name exists. */
  inject(type: string): ResolvedPlugin {
    const existing = this.#byName.get(type);
    if (existing !== undefined) return existing;
    const entry = pluginType(type)!;
    const at = this.#at;
    const plugin: ResolvedPlugin = {
      ...{ name: type, type, role: entry.definition.role, status: entry.status, injected: true, entry },
      parameters:
        entry.status === "known" ? {} : builtParameters(entry.definition, { name: type, type, at }, undefined),
      position: at,
    };
    this.#insert(plugin);
    return plugin;
  }

  /** The plugin of a reference. */
  resolve({ name, at }: Ref, what: string): ResolvedPlugin {
    const plugin = this.get(name);
    if (plugin !== undefined) return plugin;
    const listed = this.all.filter(({ injected }) => !injected).map((other) => other.name);
    const hint = suggestion(name, listed);
    const unlisted = pluginType(name) === undefined ? "" : ": a known type, but not listed in plugins";
    throw new PolicyError(`${what} names an unknown plugin ${quoted(name)}${hint}${unlisted}`, at);
  }

  /** Checks that every plugin that a parameter names is there and can do its work. */
  checkReferences(): void {
    for (const { entry, parameters, type, node, position } of this.all) {
      if (entry.status === "known") continue;
      for (const { name, role, parameter } of entry.definition.refersTo?.(parameters as never) ?? []) {
        const what = `parameter ${quoted(parameter.join("."))} of ${type}`;
        const at = positionOf(node, parameter) ?? position;
        const found = this.resolve({ name, at }, what);
        if (found.role !== role)
          throw new PolicyError(`${what}: ${quoted(name)} is a ${found.role}, expected a ${role}`, at);
      }
    }
  }

  /** Data that a plugin reads. */
  requirements(plugin: ResolvedPlugin): readonly DataKey[] {
    if (plugin.entry.status === "known") return [];
    return plugin.entry.definition.requires?.(plugin.parameters as never) ?? [];
  }
}

function builtParameters(
  definition: PluginDefinition,
  plugin: { name: string; type: string; at: Position },
  node: ListedPlugin["parameters"],
): Readonly<Record<string, unknown>> {
  return resolveParameters(plugin, definition.parameters, definition.ignoresParameters === true ? undefined : node);
}
