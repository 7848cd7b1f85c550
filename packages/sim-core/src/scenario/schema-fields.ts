import type { Path } from "./source-file.ts";

/** The part of JSON Schema (draft 7) that a zod schema of ours turns into. */
export interface JsonSchema {
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly $ref?: string;
  readonly definitions?: Readonly<Record<string, JsonSchema>>;
}

/** The schema of the field at a path; undefined when there is none. Lists need no index: `spec.pools` may go on `name`. */
export function fieldAt(root: JsonSchema, path: Path): JsonSchema | undefined {
  let current: JsonSchema | undefined = root;
  for (const step of path) {
    if (current === undefined) return undefined;
    current = child(root, current, step);
  }
  return current && resolve(root, current);
}

/** Names of the fields that a schema allows. */
export function fieldsOf(schema: JsonSchema | undefined): string[] {
  if (!schema) return [];
  const own = Object.keys(schema.properties ?? {});
  return [
    ...new Set([...own, ...alternatives(schema).flatMap(fieldsOf), ...(schema.items ? fieldsOf(schema.items) : [])]),
  ];
}

function child(root: JsonSchema, schema: JsonSchema, step: PropertyKey): JsonSchema | undefined {
  const here = resolve(root, schema);
  if (typeof step === "number") return here.items ?? firstOf(alternatives(here), (branch) => child(root, branch, step));
  const own = here.properties?.[String(step)];
  if (own) return own;
  if (here.items && typeof step === "string") return child(root, here.items, step);
  const inside = firstOf(alternatives(here), (branch) => child(root, branch, step));
  if (inside) return inside;
  return typeof here.additionalProperties === "object" ? here.additionalProperties : undefined;
}

function alternatives(schema: JsonSchema): readonly JsonSchema[] {
  return [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
}

function resolve(root: JsonSchema, schema: JsonSchema): JsonSchema {
  const name = schema.$ref?.match(/^#\/definitions\/(.+)$/)?.[1];
  const target = name === undefined ? undefined : root.definitions?.[name];
  return target ? { ...target, ...schema } : schema;
}

function firstOf<T, R>(list: readonly T[], map: (item: T) => R | undefined): R | undefined {
  for (const item of list) {
    const found = map(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
