import { counterUniform, hashSeed } from "../../kernel/random.ts";
import type { SyntheticSpec } from "../generator-schema.ts";
import type { PromptSegments, Workload } from "../workload.ts";
import { arrivalTimesUs } from "./arrivals.ts";
import { insertItems } from "./multimodal.ts";
import { type PrefixGroups, prefixGroups } from "./prefix-groups.ts";
import { withAdapters } from "./request-adapters.ts";
import { type RequestClasses, requestClasses } from "./request-classes.ts";
import { generateSessions } from "./sessions.ts";

/**
 * The workload that a `synthetic:` block describes. Every draw is a hash of (seed, what it is for, request), so the
 * first rows of a longer run are those of a shorter one, and changing one part of the block leaves the others' draws.
 */
export function generateSynthetic(spec: SyntheticSpec, seed: number | string): Workload {
  const hashed = hashSeed(seed);
  return spec.sessions === undefined ? generateRequests(spec, hashed) : generateSessions(spec, spec.sessions, hashed);
}

/** Single requests: each prompt its own, after the shared prefix of its group where there are groups. */
function generateRequests(spec: SyntheticSpec, seed: number): Workload {
  const limit = spec.count === undefined ? { durationUs: spec.duration ?? 0 } : { count: spec.count };
  const arrivalUs = arrivalTimesUs(spec.arrivals, limit, seed);
  const count = arrivalUs.length;
  const classes = requestClasses(spec, count, seed);
  const groups = prefixGroups(spec, count, seed);
  const classOf = new Uint8Array(classes.classes === undefined ? 0 : count);
  if (classOf.length > 0) for (let row = 0; row < count; row++) classOf[row] = classes.classAt(row);
  const promptTokens = lengthColumn(classes, "prompt", classOf, count, seed);
  const prefixTokens = groups === undefined ? () => 0 : (row: number) => groups.tokens[groups.groupAt(row)]!;
  const items = insertItems(spec, promptTokens, classOf, prefixTokens, seed);
  const workload = {
    name: spec.name,
    count,
    arrivalUs,
    promptTokens,
    outputTokens: lengthColumn(classes, "output", classOf, count, seed),
    ...(groups === undefined ? {} : { segments: prependPrefixes(promptTokens, groups) }),
    ...(items === undefined ? {} : { items }),
    ...(classes.classes === undefined ? {} : { classOf, classes: classes.classes }),
  };
  return withAdapters(workload, spec, seed);
}

function lengthColumn(
  classes: RequestClasses,
  of: "prompt" | "output",
  classOf: Uint8Array,
  count: number,
  seed: number,
): Int32Array {
  const samplers = classes[of];
  const stream = of === "prompt" ? classes.promptStream : classes.outputStream;
  const column = new Int32Array(count);
  const only = samplers.length === 1 ? samplers[0] : undefined;
  for (let row = 0; row < count; row++) {
    const sampler = only ?? samplers[classOf[row]!]!;
    column[row] = sampler.tokensAt(counterUniform(seed, stream, row));
  }
  return column;
}

/** Puts each row's group prefix before its own tokens: `promptTokens` grows by it, in place. */
function prependPrefixes(promptTokens: Int32Array, groups: PrefixGroups): PromptSegments {
  const count = promptTokens.length;
  const offsets = new Int32Array(count + 1);
  const ids = new Int32Array(2 * count);
  const endTokens = new Int32Array(2 * count);
  for (let row = 0; row < count; row++) {
    const group = groups.groupAt(row);
    const total = groups.tokens[group]! + promptTokens[row]!;
    promptTokens[row] = total;
    offsets[row + 1] = 2 * row + 2;
    ids[2 * row] = group;
    ids[2 * row + 1] = groups.count + row;
    endTokens[2 * row] = groups.tokens[group]!;
    endTokens[2 * row + 1] = total;
  }
  return { offsets, ids, endTokens, idCount: groups.count + count };
}
