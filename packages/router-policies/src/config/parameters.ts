import type * as z from "zod";
import { PolicyError, type Position, quoted, suggestion } from "../errors.ts";
import type { KnownPlugin, ParameterNames } from "./known-plugins.ts";
import { isAbsent, type Located, plain } from "./located.ts";

/** What this file reads of a zod schema: its kind and its parts. */
interface SchemaDef {
  readonly type: string;
  readonly shape?: Readonly<Record<string, Schema>>;
  readonly catchall?: Schema;
  readonly innerType?: Schema;
  readonly in?: Schema;
  readonly element?: Schema;
  readonly valueType?: Schema;
  readonly options?: readonly Schema[];
}
interface Schema {
  readonly def: SchemaDef;
}

/** The schema below defaults, optionals and pipes. */
function bare(schema: Schema): Schema {
  const inner = schema.def.innerType ?? schema.def.in;
  return inner === undefined ? schema : bare(inner);
}

/** Parameters of a built plugin: names matched without regard to case, values checked, defaults in force. */
export function resolveParameters(
  plugin: { readonly name: string; readonly type: string; readonly at: Position },
  schema: z.ZodType,
  node: Located | undefined,
): Readonly<Record<string, unknown>> {
  const given = isAbsent(node) ? {} : named(schema as unknown as Schema, node, plugin.type);
  const result = schema.safeParse(given);
  if (result.success) return result.data as Readonly<Record<string, unknown>>;
  const issue = result.error.issues[0]!;
  const found = nodeAt(node, issue.path);
  const path = issue.path.map(String).join(".");
  const what = path === "" ? `parameters of ${plugin.type}` : `parameter ${quoted(path)} of ${plugin.type}`;
  const message = issue.message.replace(/^Invalid (input|option): /, "").replace(/, received .*$/, "");
  const value = found.exact === undefined ? "" : `, found ${quoted(plain(found.exact))}`;
  throw new PolicyError(`${what}: ${message}${value}`, found.nearest?.at ?? plugin.at);
}

/** The plain value with every key in the schema's own case; null means "not given". */
function named(schema: Schema, node: Located, type: string): unknown {
  const { def } = bare(schema);
  if (node.kind === "list") {
    return node.items.map((item) => (def.element ? named(def.element, item, type) : plain(item)));
  }
  if (node.kind === "scalar") return node.value;
  const alternatives = def.options?.map(bare).filter((option) => option.def.shape !== undefined) ?? [];
  if (alternatives.length > 0) return named(alternatives[0]!, node, type);
  if (def.shape === undefined) {
    return Object.fromEntries(
      node.entries.map(({ key, value }) => [key, def.valueType ? named(def.valueType, value, type) : plain(value)]),
    );
  }
  const allowed = Object.keys(def.shape);
  const result: Record<string, unknown> = {};
  for (const { key, keyAt, value } of node.entries) {
    const name = ownName(key, allowed);
    if (name === undefined) throw unknownParameter(key, keyAt, type, allowed);
    if (Object.hasOwn(result, name)) throw new PolicyError(`parameter ${quoted(name)} stands twice`, keyAt);
    if (!isAbsent(value)) result[name] = named(def.shape[name]!, value, type);
  }
  return result;
}

const ownName = (key: string, allowed: readonly string[]): string | undefined =>
  allowed.includes(key) ? key : allowed.find((name) => name.toLowerCase() === key.toLowerCase());

function unknownParameter(key: string, at: Position, type: string, allowed: readonly string[]): PolicyError {
  const none = allowed.length === 0 ? " (it takes none)" : "";
  return new PolicyError(`unknown parameter ${quoted(key)} of ${type}${suggestion(key, allowed)}${none}`, at);
}

/** The node at a path, as far as it exists. */
function nodeAt(
  node: Located | undefined,
  path: readonly PropertyKey[],
): { nearest: Located | undefined; exact: Located | undefined } {
  let nearest = node;
  for (const step of path) {
    const next: Located | undefined =
      nearest?.kind === "list"
        ? nearest.items[Number(step)]
        : nearest?.kind === "map"
          ? nearest.entries.find(({ key }) => key.toLowerCase() === String(step).toLowerCase())?.value
          : undefined;
    if (next === undefined) return { nearest, exact: undefined };
    nearest = next;
  }
  return { nearest, exact: nearest };
}

/** Where a parameter's value stands; undefined where it is not given. */
export const positionOf = (node: Located | undefined, path: readonly string[]): Position | undefined =>
  nodeAt(node, path).exact?.at;

/** Parameters of a plugin that is only known of: names checked where they are known, values kept as given. */
export function checkKnownParameters(known: KnownPlugin, node: Located | undefined): Readonly<Record<string, unknown>> {
  if (isAbsent(node)) return {};
  if (known.parameters !== undefined && known.parameters !== "ignored") checkNames(known.parameters, node, known.type);
  return plain(node) as Readonly<Record<string, unknown>>;
}

function checkNames(names: ParameterNames, node: Located, type: string): void {
  if (node.kind === "list") for (const item of node.items) checkNames(names, item, type);
  if (node.kind !== "map") return;
  const allowed = Object.keys(names);
  for (const { key, keyAt, value } of node.entries) {
    const name = ownName(key, allowed);
    if (name === undefined) throw unknownParameter(key, keyAt, type, allowed);
    const inner = names[name]!;
    if (inner !== true) checkNames(inner, value, type);
  }
}
