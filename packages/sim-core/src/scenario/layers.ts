import { parse } from "yaml";
import { ScenarioError } from "../errors.ts";
import type { Path } from "./source-file.ts";

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `over` laid over `base`: maps merge key by key, everything else (lists too) is replaced. */
export function merge(base: unknown, over: unknown): unknown {
  if (!isObject(base) || !isObject(over)) return over;
  const merged: Json = { ...base };
  for (const [key, value] of Object.entries(over)) merged[key] = key in base ? merge(base[key], value) : value;
  return merged;
}

/** One `path=value` from the command line or the environment. */
export interface Override {
  /** As the user wrote it, with the option in front: `--set spec.seed=7`. */
  readonly source: string;
  readonly path: Path;
  readonly value: unknown;
}

/**
 * Reads `spec.pools[0].replicas=6`. A typed value is YAML (`6`, `true`, `[1, 2]`, `{a: 1}`); otherwise it is text.
 *
 * @throws ScenarioError when it has another shape
 */
export function parseOverride(text: string, option = "--set", typed = true): Override {
  const source = `${option} ${text}`;
  const equals = text.indexOf("=");
  if (equals < 1) throw new ScenarioError(`${source}: expected PATH=VALUE, such as spec.pools[0].replicas=6`);
  const path = parsePath(text.slice(0, equals), source);
  const raw = text.slice(equals + 1);
  if (!typed) return { source, path, value: raw };
  try {
    return { source, path, value: parse(raw) as unknown };
  } catch {
    throw new ScenarioError(`${source}: the value is not YAML; quote it, or use --set-string`);
  }
}

/** Steps of a dotted path: `spec.pools[0].labels["llm-d.ai/role"]`. */
export function parsePath(text: string, source: string): Path {
  const steps: PropertyKey[] = [];
  const pattern = /(?:^|\.)([^.[\]"=]+)|\[(\d+)\]|\["([^"]*)"\]/y;
  while (pattern.lastIndex < text.length) {
    const at = pattern.lastIndex;
    const match = pattern.exec(text);
    if (!match) {
      throw new ScenarioError(
        `${source}: cannot read the path at "${text.slice(at)}"; paths look like spec.pools[0].replicas`,
      );
    }
    steps.push(match[1] ?? (match[2] === undefined ? match[3]! : Number(match[2])));
  }
  return steps;
}

/** `root` with the override in place; maps on the way are made, list entries must exist. */
export function applyOverride(root: unknown, { source, path, value }: Override): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  const inner = { source, path: rest, value };
  if (typeof step === "number") {
    if (!Array.isArray(root)) throw new ScenarioError(`${source}: [${step}] is asked of something that is not a list`);
    if (step >= root.length) {
      throw new ScenarioError(`${source}: [${step}] is out of range; the list has ${root.length} entries`);
    }
    return root.with(step, applyOverride(root[step], inner));
  }
  if (Array.isArray(root)) throw new ScenarioError(`${source}: ${String(step)} is asked of a list; use [0], [1], …`);
  const base = isObject(root) ? root : {};
  return { ...base, [step]: applyOverride(base[String(step)], inner) };
}

/** The dotted form of a path: `spec.pools[0].replicas`. */
export function formatPath(path: Path): string {
  return path
    .map((step, index) => {
      if (typeof step === "number") return `[${step}]`;
      const name = String(step);
      if (/[.[\]"=]/.test(name)) return `["${name}"]`;
      return index === 0 ? name : `.${name}`;
    })
    .join("");
}
