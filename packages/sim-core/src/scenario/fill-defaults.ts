import { BYTES_PATTERN, DURATION_PATTERN, formatBytes, formatDurationUs } from "../kernel/units.ts";
import type { JsonSchema } from "./schema-fields.ts";

/**
 * What was written, with every default of the schema filled in, in the form in which people write it.
 *
 * @param parsed what the schema made of it: tells the defaults that the JSON Schema does not
 */
export function fillDefaults(schema: JsonSchema, written: unknown, parsed?: unknown): unknown {
  const value = written === undefined ? asWritten(schema, schema.default ?? primitive(parsed)) : written;
  if (value === undefined) return undefined;
  if (Array.isArray(value)) {
    const entries: readonly unknown[] = Array.isArray(parsed) ? parsed : [];
    return schema.items ? value.map((entry, i) => fillDefaults(schema.items!, entry, entries[i])) : value;
  }
  if (typeof value !== "object" || value === null) return value;
  const given = value as Record<string, unknown>;
  const branch = branchFor(schema, given);
  if (!branch?.properties) return value;
  const made = (typeof parsed === "object" && parsed !== null ? parsed : {}) as Record<string, unknown>;
  const filled: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(branch.properties)) {
    const inner = fillDefaults(field, given[name], made[name]);
    if (inner !== undefined) filled[name] = inner;
  }
  for (const [name, inner] of Object.entries(given)) if (!(name in filled)) filled[name] = inner;
  return filled;
}

const primitive = (value: unknown) => (typeof value === "object" ? undefined : value);

/** A default that a schema holds in microseconds or bytes, with its unit. */
function asWritten(schema: JsonSchema, value: unknown): unknown {
  if (typeof value !== "number") return value;
  if (schema.pattern === DURATION_PATTERN.source) return formatDurationUs(value);
  if (schema.pattern === BYTES_PATTERN.source) return formatBytes(value, 4);
  const durations = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].some(
    (b) => b.pattern === DURATION_PATTERN.source,
  );
  return durations ? formatDurationUs(value) : value;
}

/** The alternative that a map belongs to: its constants agree and it knows every key. */
function branchFor(schema: JsonSchema, value: Record<string, unknown>): JsonSchema | undefined {
  const { properties } = schema;
  if (properties) {
    if (Object.keys(value).some((key) => !(key in properties))) return undefined;
    const agree = Object.entries(properties).every(
      ([name, field]) => field.const === undefined || field.const === value[name],
    );
    return agree ? schema : undefined;
  }
  for (const branch of [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])]) {
    const found = branchFor(branch, value);
    if (found) return found;
  }
  return undefined;
}
