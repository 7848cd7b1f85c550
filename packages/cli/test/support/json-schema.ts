import type { JsonSchema } from "@windtunnel/sim-core";

/** What of a value breaks a schema, by path; empty = valid. Knows what the published schemas use of draft 7, no more. */
export function violations(schema: JsonSchema, value: unknown, root = schema, path = ""): string[] {
  const target = resolved(schema, root);
  const wrong = (what: string) => [`${path || "/"}: ${what}`];
  if (target.const !== undefined && value !== target.const) return wrong(`is not ${String(target.const)}`);
  if (target.enum && !target.enum.includes(value)) return wrong("is not in the enum");
  if (target.type !== undefined && ![target.type].flat().some((type) => isOf(type, value))) {
    return wrong(`is not ${[target.type].flat().join(" or ")}`);
  }
  return [
    ...branches(target, value, root, path),
    ...ranges(target, value).map((what) => `${path || "/"}: ${what}`),
    ...(Array.isArray(value) && target.items && !Array.isArray(target.items)
      ? value.flatMap((entry, i) => violations(target.items!, entry, root, `${path}/${i}`))
      : []),
    ...(isOf("object", value) ? properties(target, value as Record<string, unknown>, root, path) : []),
  ];
}

function resolved(schema: JsonSchema, root: JsonSchema): JsonSchema {
  const name = schema.$ref?.match(/^#\/definitions\/(.+)$/)?.[1];
  return name === undefined ? schema : root.definitions![name]!;
}

function isOf(type: string, value: unknown): boolean {
  if (type === "integer") return Number.isInteger(value);
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  if (type === "object") return typeof value === "object" && value !== null && !Array.isArray(value);
  return typeof value === type;
}

function branches(schema: JsonSchema, value: unknown, root: JsonSchema, path: string): string[] {
  const fits = (branch: JsonSchema) => violations(branch, value, root, path).length === 0;
  const failed: string[] = [];
  if (schema.anyOf && !schema.anyOf.some(fits)) failed.push(`${path || "/"}: fits no branch of anyOf`);
  if (schema.oneOf && schema.oneOf.filter(fits).length !== 1) failed.push(`${path || "/"}: not one branch of oneOf`);
  return [...failed, ...(schema.allOf ?? []).flatMap((branch) => violations(branch, value, root, path))];
}

function ranges(schema: JsonSchema, value: unknown): string[] {
  if (typeof value === "string") {
    return schema.pattern !== undefined && !new RegExp(schema.pattern, "u").test(value) ? ["breaks the pattern"] : [];
  }
  if (typeof value !== "number") return [];
  const { minimum = -Infinity, maximum = Infinity, exclusiveMinimum = -Infinity } = schema;
  return value < minimum || value > maximum || value <= exclusiveMinimum ? [`${value} is out of range`] : [];
}

function properties(schema: JsonSchema, value: Record<string, unknown>, root: JsonSchema, path: string): string[] {
  const known = schema.properties ?? {};
  const missing = (schema.required ?? []).filter((name) => !(name in value));
  const { additionalProperties: extra = true } = schema;
  return [
    ...missing.map((name) => `${path || "/"}: ${name} is missing`),
    ...Object.entries(value).flatMap(([name, inner]) => {
      const own = known[name] ?? (typeof extra === "object" ? extra : undefined);
      if (own) return violations(own, inner, root, `${path}/${name}`);
      return extra === false ? [`${path}/${name}: is not allowed`] : [];
    }),
  ];
}
