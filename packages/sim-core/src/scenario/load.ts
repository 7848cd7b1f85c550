import * as z from "zod";
import { ScenarioError } from "../errors.ts";
import { describeIssues, placeOf } from "./issues.ts";
import type { Override } from "./layers.ts";
import { applyOverride, merge } from "./layers.ts";
import type { Scenario } from "./schema.ts";
import { scenarioSchema } from "./schema.ts";
import type { JsonSchema } from "./schema-fields.ts";
import type { SourceFile } from "./source-file.ts";
import { type Path, readSource } from "./source-file.ts";
import { gatherPastedGenerator } from "./workload-schema.ts";

export interface LoadOptions {
  /** Name of the file, for messages. */
  readonly file: string;
  /** Files laid over the first, left to right. */
  readonly overlays?: readonly { readonly text: string; readonly file: string }[];
  /** Single values laid over the files, in order. */
  readonly overrides?: readonly Override[];
}

/** A scenario and where it came from. */
export interface LoadedScenario {
  readonly scenario: Scenario;
  /** What was written, merged, before defaults. */
  readonly written: unknown;
  /** Where a value was written: `file:line:column`, or the option that set it. */
  readonly place: (path: Path) => string;
  /** `spec.router.inline` as text whose line and column numbers are those of the file. */
  readonly inlineRouter?: { readonly text: string; readonly file: string };
}

/**
 * Reads a scenario: defaults under the files (left to right) under the overrides.
 *
 * @throws ScenarioError with one line per mistake
 */
export function loadScenario(text: string, options: LoadOptions): LoadedScenario {
  const sources = [{ text, file: options.file }, ...(options.overlays ?? [])].map((s) => readSource(s.text, s.file));
  const overrides = options.overrides ?? [];
  const merged = sources.map((source) => source.value).reduce((base, over) => merge(base, over));
  const written = overrides.reduce((value, override) => applyOverride(value, override), merged);
  const value = withPastedGenerator(written);
  const parsed = scenarioSchema.safeParse(value);
  if (!parsed.success) {
    const lines = describeIssues(parsed.error.issues, value, scenarioJsonSchema(), { sources, overrides });
    throw new ScenarioError(lines.join("\n"));
  }
  const inline = inlineRouter(sources, overrides);
  const place = (path: Path) => placeOf({ sources, overrides }, path, path, undefined);
  return { scenario: parsed.data, written: value, place, ...(inline ? { inlineRouter: inline } : {}) };
}

/** The JSON Schema (draft 7) of a scenario file, as people write it. */
export function scenarioJsonSchema(): JsonSchema {
  return z.toJSONSchema(scenarioSchema, { target: "draft-7", io: "input", unrepresentable: "any" }) as JsonSchema;
}

function withPastedGenerator(value: unknown): unknown {
  const root = value as { spec?: { workload?: unknown } } | null;
  if (typeof root !== "object" || root === null || typeof root.spec !== "object" || root.spec === null) return value;
  if (!("workload" in root.spec)) return value;
  return { ...root, spec: { ...root.spec, workload: gatherPastedGenerator(root.spec.workload) } };
}

const INLINE = ["spec", "router", "inline"] as const;

/** The inline router's own text, when exactly one file and no override has a say in it. */
function inlineRouter(sources: readonly SourceFile[], overrides: readonly Override[]) {
  if (overrides.some(({ path }) => INLINE.every((step, i) => i >= path.length || path[i] === step))) return undefined;
  const texts = sources.map((source) => ({ text: source.only(INLINE), file: source.file }));
  const given = texts.filter((entry): entry is { text: string; file: string } => entry.text !== undefined);
  return given.length === 1 ? given[0] : undefined;
}
