import * as z from "zod";
import type { ParameterNames } from "./config/known-plugins.ts";
import { pluginTypes } from "./registry.ts";

export interface ParameterRow {
  /** Dotted where nested. */
  readonly name: string;
  /** Absent when there is no default or it is not known. */
  readonly defaultValue?: unknown;
  readonly description?: string;
}

/** One plugin type, for `windtunnel policies` and the documentation. */
export interface PluginRow {
  readonly type: string;
  readonly role: string;
  readonly aliases: readonly string[];
  readonly parameters: readonly ParameterRow[];
  /** Empty for a plugin that is only known of. */
  readonly summary: string;
  readonly alpha: boolean;
  readonly baseline: boolean;
  readonly status: "built" | "known";
}

/** Every plugin type, built ones first. */
export function pluginTable(): readonly PluginRow[] {
  return pluginTypes.map((entry): PluginRow => {
    const { type, role, aliases = [], alpha = false } = entry.definition;
    if (entry.status === "built") {
      const { summary, baseline = false, parameters } = entry.definition;
      const schema = z.toJSONSchema(parameters, { io: "input", unrepresentable: "any" }) as JsonSchema;
      const rows = schemaRows(schema, "");
      return { type, role, aliases, parameters: rows, summary, alpha, baseline, status: "built" };
    }
    const { parameters } = entry.definition;
    const rows = parameters === undefined || parameters === "ignored" ? [] : nameRows(parameters, "");
    return { type, role, aliases, parameters: rows, summary: "", alpha, baseline: false, status: "known" };
  });
}

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly default?: unknown;
  readonly description?: string;
}

function schemaRows(schema: JsonSchema, prefix: string): ParameterRow[] {
  const inner = schema.properties ? schema : (schema.anyOf?.find(({ properties }) => properties !== undefined) ?? {});
  return Object.entries(inner.properties ?? {}).flatMap(([key, property]) => {
    const name = `${prefix}${key}`;
    const nested = property.properties ? schemaRows(property, `${name}.`) : [];
    if (nested.length > 0) return nested;
    const { default: defaultValue, description } = property;
    const row = { name, ...(defaultValue === undefined ? {} : { defaultValue }) };
    return [{ ...row, ...(description === undefined ? {} : { description }) }];
  });
}

function nameRows(names: ParameterNames, prefix: string): ParameterRow[] {
  return Object.entries(names).flatMap(([key, inner]) =>
    inner === true ? [{ name: `${prefix}${key}` }] : nameRows(inner, `${prefix}${key}.`),
  );
}
