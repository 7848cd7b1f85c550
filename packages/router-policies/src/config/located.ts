import type { Position } from "../errors.ts";
import { PolicyError, quoted, suggestion } from "../errors.ts";
import { durationUs, quantity } from "../framework/units.ts";

/** A YAML value that knows where it stands. */
export type Located = LocatedMap | LocatedList | LocatedScalar;
export interface LocatedMap {
  readonly kind: "map";
  readonly at: Position;
  readonly entries: readonly LocatedEntry[];
}
export interface LocatedEntry {
  readonly key: string;
  readonly keyAt: Position;
  readonly value: Located;
}
export interface LocatedList {
  readonly kind: "list";
  readonly at: Position;
  readonly items: readonly Located[];
}
export interface LocatedScalar {
  readonly kind: "scalar";
  readonly at: Position;
  readonly value: string | number | boolean | null;
}

/** The value without its places. */
export function plain(node: Located): unknown {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "list") return node.items.map(plain);
  return Object.fromEntries(node.entries.map(({ key, value }) => [key, plain(value)]));
}

/** Throws because `node` is not what stands in `expected`. */
export function refuse(node: Located, what: string, expected: string): never {
  throw new PolicyError(`${what}: expected ${expected}, found ${quoted(plain(node))}`, node.at);
}

/** True for an absent or null value: both mean "not given", as in Go. */
export const isAbsent = (node: Located | undefined): node is undefined =>
  node === undefined || (node.kind === "scalar" && node.value === null);

/** A mapping's fields; every key must be in `allowed`, in this very case. */
export function fieldsOf(node: Located | undefined, what: string, allowed: readonly string[]): Map<string, Located> {
  const fields = new Map<string, Located>();
  if (isAbsent(node)) return fields;
  if (node.kind !== "map") refuse(node, what, "a mapping");
  for (const { key, keyAt, value } of node.entries) {
    if (!allowed.includes(key)) {
      throw new PolicyError(`unknown field ${quoted(key)} in ${what}${suggestion(key, allowed)}`, keyAt);
    }
    if (!isAbsent(value)) fields.set(key, value);
  }
  return fields;
}

/** A list's items; none when absent. */
export function itemsOf(node: Located | undefined, what: string): readonly Located[] {
  if (isAbsent(node)) return [];
  return node.kind === "list" ? node.items : refuse(node, what, "a list");
}

export function stringOf(node: Located | undefined, what: string): string | undefined {
  if (isAbsent(node)) return undefined;
  return node.kind === "scalar" && typeof node.value === "string" ? node.value : refuse(node, what, "a string");
}

export function booleanOf(node: Located | undefined, what: string): boolean | undefined {
  if (isAbsent(node)) return undefined;
  return node.kind === "scalar" && typeof node.value === "boolean" ? node.value : refuse(node, what, "true or false");
}

export function numberOf(node: Located | undefined, what: string): number | undefined {
  if (isAbsent(node)) return undefined;
  const value = node.kind === "scalar" ? node.value : undefined;
  return typeof value === "number" && Number.isFinite(value) ? value : refuse(node, what, "a number");
}

export function integerOf(node: Located | undefined, what: string): number | undefined {
  const value = numberOf(node, what);
  if (value === undefined || Number.isSafeInteger(value)) return value;
  return refuse(node!, what, "a whole number");
}

/** A Kubernetes quantity, such as `10Gi`, `1k` or a number, of at least 0. */
export function quantityOf(node: Located | undefined, what: string): number | undefined {
  if (isAbsent(node)) return undefined;
  const given = node.kind === "scalar" ? node.value : null;
  const value = typeof given === "string" || typeof given === "number" ? quantity(String(given)) : undefined;
  return value !== undefined && value >= 0 ? value : refuse(node, what, 'a quantity such as 500, "1k" or "10Gi"');
}

/** A Go duration of at least 0, in microseconds. */
export function durationUsOf(node: Located | undefined, what: string): number | undefined {
  if (isAbsent(node)) return undefined;
  const given = node.kind === "scalar" ? node.value : null;
  const value = typeof given === "string" ? durationUs(given) : undefined;
  return value !== undefined && value >= 0 ? value : refuse(node, what, 'a duration such as "60s" or "1h30m"');
}

/** A name of a plugin, where it stands. */
export interface Ref {
  readonly name: string;
  readonly at: Position;
}

/** A reference `{pluginRef: name}`. */
export function pluginRefOf(node: Located | undefined, what: string): Ref | undefined {
  if (node === undefined) return undefined;
  const given = fieldsOf(node, what, ["pluginRef"]).get("pluginRef");
  return refOf(given, `pluginRef of ${what}`) ?? refuse(node, what, "a pluginRef");
}

/** A name of a plugin. */
export function refOf(node: Located | undefined, what: string): Ref | undefined {
  const name = stringOf(node, what);
  return name === undefined || name === "" ? undefined : { name, at: node!.at };
}
