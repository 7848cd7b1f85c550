import type * as z from "zod";
import { didYouMean } from "../errors.ts";
import { BYTES_PATTERN, DURATION_PATTERN } from "../kernel/units.ts";
import type { Override } from "./layers.ts";
import { formatPath } from "./layers.ts";
import type { JsonSchema } from "./schema-fields.ts";
import { fieldAt, fieldsOf } from "./schema-fields.ts";
import type { Path, SourceFile } from "./source-file.ts";

type Issue = z.core.$ZodIssue;

/** Where a value came from, for messages. */
export interface Origin {
  /** In the order in which they were merged. */
  readonly sources: readonly SourceFile[];
  readonly overrides: readonly Override[];
}

/** One line per issue: where, what was found, what is allowed, the nearest match. */
export function describeIssues(
  issues: readonly Issue[],
  value: unknown,
  schema: JsonSchema,
  origin: Origin,
): readonly string[] {
  return issues.flatMap((issue) => describe(issue, [], value, schema, origin));
}

function describe(issue: Issue, prefix: Path, value: unknown, schema: JsonSchema, origin: Origin): string[] {
  const path = [...prefix, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    const allowed = fieldsOf(fieldAt(schema, path));
    return issue.keys.map((key) => {
      const message = `unknown field "${key}"${didYouMean(key, allowed)}; allowed: ${allowed.join(", ")}`;
      return line(origin, path, message, key);
    });
  }
  if (issue.code === "invalid_union") {
    const branch = deepest(issue.errors);
    if (branch && branch.depth > 0)
      return branch.issues.flatMap((inner) => describe(inner, path, value, schema, origin));
  }
  return [line(origin, path, messageOf(issue, valueAt(value, path), schema, path))];
}

/** The branch of a union that the value came furthest in, if one came further than the others. */
function deepest(errors: readonly (readonly Issue[])[]): { issues: readonly Issue[]; depth: number } | undefined {
  const branches = errors.map((issues) => ({
    issues,
    depth: Math.max(0, ...issues.map((issue) => issue.path.length + (issue.code === "unrecognized_keys" ? 1 : 0))),
  }));
  return branches.sort((a, b) => b.depth - a.depth)[0];
}

function messageOf(issue: Issue, found: unknown, schema: JsonSchema, path: Path): string {
  if (found === undefined && issue.code !== "custom") {
    return `is missing${hint(schema, path)}`;
  }
  switch (issue.code) {
    case "invalid_type":
      return `expected ${TYPE_WORDS[issue.expected] ?? issue.expected}${withUnit(schema, path)}, found ${show(found)}`;
    case "invalid_value":
      return `expected ${issue.values.map(show).join(" or ")}, found ${show(found)}${suggest(found, issue.values.map(String))}`;
    case "too_small":
      return `expected at least ${issue.inclusive === false ? "more than " : ""}${issue.minimum}${of(issue.origin)}, found ${show(found)}`;
    case "too_big":
      return `expected at most ${issue.maximum}${of(issue.origin)}, found ${show(found)}`;
    case "invalid_union": {
      const allowed = choicesOf(schema, path);
      const strings = allowed.filter((choice) => choice.startsWith('"')).map((choice) => choice.slice(1, -1));
      const tail = allowed.length > 0 ? `expected ${allowed.join(" or ")}` : "no alternative fits";
      return `${tail}, found ${show(found)}${suggest(found, strings)}`;
    }
    default:
      return issue.code === "custom" ? issue.message : `${issue.message}, found ${show(found)}`;
  }
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  int: "a whole number",
  number: "a number",
  string: "text",
  boolean: "true or false",
  object: "a map",
  record: "a map",
  array: "a list",
};

const of = (origin: string) => (origin === "array" ? " entries" : origin === "string" ? " characters" : "");
const suggest = (found: unknown, allowed: readonly string[]) =>
  typeof found === "string" ? didYouMean(found, allowed) : "";

function hint(schema: JsonSchema, path: Path): string {
  const description = fieldAt(schema, path)?.description;
  return description === undefined ? "" : ` (${description})`;
}

/** A field with units says so: a bare number is the usual mistake. */
function withUnit(schema: JsonSchema, path: Path): string {
  const pattern = fieldAt(schema, path)?.pattern;
  if (pattern === DURATION_PATTERN.source) return ' with a unit, such as "250ms" or "3s"';
  return pattern === BYTES_PATTERN.source ? ' with a unit, such as "80GiB"' : "";
}

function choicesOf(schema: JsonSchema, path: Path): string[] {
  const field = fieldAt(schema, path);
  const branches = field?.oneOf ?? field?.anyOf ?? [];
  if (branches.length === 0) {
    // The discriminator of a union of maps: what each branch says of it.
    const name = String(path.at(-1));
    const parent = fieldAt(schema, path.slice(0, -1));
    const values = [...(parent?.oneOf ?? []), ...(parent?.anyOf ?? [])].map(
      (branch) => branch.properties?.[name]?.const,
    );
    return values.filter((value) => value !== undefined).map((value) => JSON.stringify(value));
  }
  return branches.flatMap((branch): string[] => {
    if (branch.const !== undefined) return [JSON.stringify(branch.const)];
    if (branch.enum) return branch.enum.map((choice) => JSON.stringify(choice));
    const model = branch.properties?.model?.const;
    if (model !== undefined) return [`{model: ${String(model)}}`];
    if (branch.properties) return [`{${Object.keys(branch.properties).join(", ")}}`];
    return branch.description === undefined ? [] : [`(${branch.description})`];
  });
}

/** What was found, short and on one line. */
function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null)
    return `a map with ${Object.keys(value).slice(0, 4).join(", ") || "nothing in it"}`;
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function valueAt(value: unknown, path: Path): unknown {
  let current = value;
  for (const step of path) {
    if (typeof current !== "object" || current === null) return undefined;
    current = (current as Record<PropertyKey, unknown>)[step];
  }
  return current;
}

function line(origin: Origin, path: Path, message: string, key?: string): string {
  const full = key === undefined ? path : [...path, key];
  const subject = path.length === 0 ? "" : `${formatPath(path)}: `;
  return `${placeOf(origin, full, path, key)}: ${subject}${message}`;
}

/** `file:line:column`, or the option that set the value. */
export function placeOf({ sources, overrides }: Origin, full: Path, path: Path, key: string | undefined): string {
  const override = overrides.findLast(
    ({ path: set }) =>
      full.slice(0, set.length).every((step, i) => String(step) === String(set[i])) && set.length <= full.length,
  );
  if (override) return override.source;
  let best: { place: string; depth: number } | undefined;
  for (const source of sources) {
    const at = source.locate(path);
    const position = (key === undefined ? undefined : source.locateKey(path, key)) ?? at;
    const depth = position === at ? at.depth : full.length;
    if (!best || depth >= best.depth) best = { place: `${source.file}:${position.line}:${position.column}`, depth };
  }
  return best?.place ?? "scenario";
}
