import { InvariantError, TraceError } from "../errors.ts";
import { counterUniform, hashSeed, streamId } from "../kernel/random.ts";
import type { MultimodalItems } from "./multimodal-items.ts";
import { pickRows } from "./pick-rows.ts";
import type { PromptSegments, Workload } from "./workload.ts";

/**
 * What is done to a trace before it is replayed, in this order. Absent = not done. Each step keeps what prompts share:
 * prompts that began alike still do.
 */
export interface TraceTransform {
  /** First arrival that is kept; the window's start becomes time 0. Sessions are kept or left out whole. */
  readonly windowStartUs?: number;
  /** Arrivals from here on are left out. */
  readonly windowEndUs?: number;
  /** The first rows only. */
  readonly limit?: number;
  /** Moves each arrival later by a uniform draw from 0 to this; equal times keep file order. */
  readonly jitterUs?: number;
  /** Of the jitter. */
  readonly seed?: number | string;
  readonly promptLengthScale?: number;
  readonly outputLengthScale?: number;
  /** Multiplies every time, delays within sessions included. */
  readonly timeScale?: number;
  /** Divides arrival times; delays within sessions stay. */
  readonly rateScale?: number;
  /** Times that the trace is replayed, one after the other, with the same prompts. */
  readonly repeat?: number;
}

const MAX_TOKENS = 2 ** 31 - 1;

/**
 * @param workload whose released rows come after the rows that release them, as `workloadFromTrace` gives them
 * @throws TraceError when an argument is not allowed or no row is left
 * @throws InvariantError for a workload of several stages
 */
export function transformTrace(workload: Workload, transform: TraceTransform): Workload {
  if ((workload.stages?.length ?? 0) > 1) throw new InvariantError("a workload of several stages has no one timeline");
  const { jitterUs = 0, timeScale = 1, rateScale = 1, promptLengthScale = 1, outputLengthScale = 1 } = transform;
  checkArguments({ ...transform, jitterUs, timeScale, rateScale, promptLengthScale, outputLengthScale });
  let result = timeWindow(workload, transform.windowStartUs ?? 0, transform.windowEndUs ?? Number.POSITIVE_INFINITY);
  if (transform.limit !== undefined) result = limitRows(result, transform.limit);
  if (jitterUs > 0) result = jitterArrivals(result, jitterUs, transform.seed ?? 0);
  if (promptLengthScale !== 1) result = scalePrompts(result, promptLengthScale);
  if (outputLengthScale !== 1) {
    result = { ...result, outputTokens: result.outputTokens.map((tokens) => scaledTokens(tokens, outputLengthScale)) };
  }
  if (timeScale !== 1 || rateScale !== 1) result = scaleTimes(result, timeScale / rateScale, timeScale);
  return repeatRows(result, transform.repeat ?? 1);
}

function checkArguments(transform: TraceTransform): void {
  const check = (name: keyof TraceTransform, holds: (value: number) => boolean, allowed: string): void => {
    const value = transform[name];
    if (value === undefined || (typeof value === "number" && holds(value))) return;
    throw new TraceError(`${name}: found ${String(value)}; allowed: ${allowed}`);
  };
  for (const name of ["timeScale", "rateScale", "promptLengthScale", "outputLengthScale"] as const) {
    check(name, (value) => value > 0 && Number.isFinite(value), "a number above 0");
  }
  for (const name of ["windowStartUs", "jitterUs"] as const) {
    check(name, (value) => value >= 0 && Number.isFinite(value), "a number, 0 or more");
  }
  const { windowStartUs = 0 } = transform;
  check("windowEndUs", (value) => value > windowStartUs, "a time after the window's start");
  for (const name of ["limit", "repeat"] as const) {
    check(name, (value) => Number.isInteger(value) && value >= 1, "a whole number, 1 or more");
  }
}

/** Keeps the rows whose session starts in [startUs, endUs). */
function timeWindow(workload: Workload, startUs: number, endUs: number): Workload {
  if (startUs === 0 && endUs === Number.POSITIVE_INFINITY) return workload;
  const roots = rootRows(workload);
  const kept = keptRows(workload, (row) => {
    const rootUs = workload.arrivalUs[roots[row]!]!;
    return rootUs >= startUs && rootUs < endUs;
  });
  const arrivalUs = Float64Array.from(kept, (row) => workload.arrivalUs[row]! - (roots[row] === row ? startUs : 0));
  return pickRows(workload, kept, arrivalUs);
}

function limitRows(workload: Workload, limit: number): Workload {
  const kept = keptRows(workload, (row) => row < limit);
  return pickRows(workload, kept, workload.arrivalUs.slice(0, limit));
}

function jitterArrivals(workload: Workload, widthUs: number, seed: number | string): Workload {
  const roots = rootRows(workload);
  const hashed = hashSeed(seed);
  const stream = streamId("trace/jitter");
  const jittered = workload.arrivalUs.map((us, row) =>
    roots[row] === row ? Math.round(us + counterUniform(hashed, stream, row) * widthUs) : us,
  );
  const order = Int32Array.from({ length: workload.count }, (_, row) => row).sort(
    (a, b) => jittered[roots[a]!]! - jittered[roots[b]!]! || a - b,
  );
  return pickRows(
    workload,
    order,
    Float64Array.from(order, (row) => jittered[row]!),
  );
}

/** Every end scales by itself, so equal ends stay equal; a segment that shrinks to nothing is dropped. */
function scalePrompts(workload: Workload, scale: number): Workload {
  const promptTokens = workload.promptTokens.map((tokens) => scaledTokens(tokens, scale));
  const { segments, items } = workload;
  return {
    ...workload,
    promptTokens,
    ...(segments === undefined ? {} : { segments: scaleSegments(segments, scale) }),
    ...(items === undefined ? {} : { items: scaleItems(items, promptTokens, scale) }),
  };
}

/** Both ends of an item scale; what shrinks to nothing is dropped, and the last token stays text. */
function scaleItems(items: MultimodalItems, promptTokens: Int32Array, scale: number): MultimodalItems {
  const offsets = new Int32Array(promptTokens.length + 1);
  const startTokens: number[] = [];
  const tokens: number[] = [];
  for (let row = 0; row < promptTokens.length; row++) {
    for (let item = items.offsets[row]!; item < items.offsets[row + 1]!; item++) {
      const start = Math.round(items.startTokens[item]! * scale);
      const end = Math.min(
        promptTokens[row]! - 1,
        Math.round((items.startTokens[item]! + items.tokens[item]!) * scale),
      );
      if (end <= start) continue;
      startTokens.push(start);
      tokens.push(end - start);
    }
    offsets[row + 1] = tokens.length;
  }
  return { offsets, startTokens: Int32Array.from(startTokens), tokens: Int32Array.from(tokens) };
}

function scaleSegments(segments: PromptSegments, scale: number): PromptSegments {
  const rows = segments.offsets.length - 1;
  const offsets = new Int32Array(rows + 1);
  const ids = new Int32Array(segments.ids.length);
  const endTokens = new Int32Array(segments.ids.length);
  let next = 0;
  for (let row = 0; row < rows; row++) {
    let last = 0;
    for (let entry = segments.offsets[row]!; entry < segments.offsets[row + 1]!; entry++) {
      const end = scaledTokens(segments.endTokens[entry]!, scale);
      if (end <= last) continue;
      ids[next] = segments.ids[entry]!;
      endTokens[next++] = end;
      last = end;
    }
    offsets[row + 1] = next;
  }
  return { ...segments, offsets, ids: ids.slice(0, next), endTokens: endTokens.slice(0, next) };
}

function scaledTokens(tokens: number, scale: number): number {
  const scaled = Math.max(1, Math.round(tokens * scale));
  if (scaled <= MAX_TOKENS) return scaled;
  throw new TraceError(`length scale: found ${scaled} tokens from ${tokens}; allowed: at most ${MAX_TOKENS}`);
}

function scaleTimes(workload: Workload, arrivalScale: number, delayScale: number): Workload {
  const { releasedBy } = workload;
  const arrivalUs = workload.arrivalUs.map((us, row) =>
    Math.round(us * (releasedBy === undefined || releasedBy[row]! < 0 ? arrivalScale : delayScale)),
  );
  return { ...workload, arrivalUs };
}

/** Each replay starts one mean gap after the last arrival of the one before. */
function repeatRows(workload: Workload, times: number): Workload {
  if (times === 1) return workload;
  const { count, releasedBy } = workload;
  const isRoot = (row: number): boolean => releasedBy === undefined || releasedBy[row]! < 0;
  let lastUs = 0;
  let arrivals = 0;
  for (let row = 0; row < count; row++) {
    if (!isRoot(row)) continue;
    arrivals++;
    lastUs = Math.max(lastUs, workload.arrivalUs[row]!);
  }
  const periodUs = lastUs + Math.round(lastUs / Math.max(1, arrivals - 1));
  const rows = Int32Array.from({ length: count * times }, (_, i) => i % count);
  const arrivalUs = Float64Array.from(rows, (row, i) => {
    return workload.arrivalUs[row]! + (isRoot(row) ? Math.floor(i / count) * periodUs : 0);
  });
  const repeated = pickRows(workload, rows, arrivalUs);
  if (releasedBy === undefined) return repeated;
  const parents = rows.map((row, i) => (isRoot(row) ? -1 : releasedBy[row]! + Math.floor(i / count) * count));
  return { ...repeated, releasedBy: parents };
}

/** For each row the row that starts its session: itself where nothing releases it. */
function rootRows(workload: Workload): Int32Array {
  const { releasedBy, count } = workload;
  const roots = new Int32Array(count);
  for (let row = 0; row < count; row++) {
    const parent = releasedBy === undefined ? -1 : releasedBy[row]!;
    roots[row] = parent < 0 ? row : roots[parent]!;
  }
  return roots;
}

function keptRows(workload: Workload, isKept: (row: number) => boolean): Int32Array {
  const kept: number[] = [];
  for (let row = 0; row < workload.count; row++) if (isKept(row)) kept.push(row);
  if (kept.length === 0) throw new TraceError(`${workload.name}: found no request in the window; allowed: 1 or more`);
  return Int32Array.from(kept);
}
