import type { DecodeCurve, StepTimeModel } from "../../src/engine/step-time-model.ts";
import type { MultimodalItems } from "../../src/workload/multimodal-items.ts";
import type { Workload } from "../../src/workload/workload.ts";

/** A request written by hand. */
export interface Row {
  readonly atUs: number;
  /** Tokens that nobody shares, or the chain: [segment, tokens in it] in order. */
  readonly prompt: number | readonly (readonly [segment: number, tokens: number])[];
  readonly output: number;
  /** Segment of what it generates. */
  readonly outputId?: number;
  readonly releasedBy?: number;
  /** Images, audio or video in the prompt: [where it begins, tokens]. */
  readonly items?: readonly (readonly [startTokens: number, tokens: number])[];
}

/** The workload of rows written by hand; without a chain in any row it has no segments. */
export function rows(given: readonly Row[], more: Partial<Workload> = {}): Workload {
  const chains = given.map(({ prompt }) => (typeof prompt === "number" ? [] : prompt));
  const tokens = given.map(({ prompt }) =>
    typeof prompt === "number" ? prompt : prompt.reduce((sum, [, length]) => sum + length, 0),
  );
  const ends = chains.map((chain) => {
    let end = 0;
    return chain.map(([, length]) => (end += length));
  });
  const offsets = Int32Array.from([0, ...chains.map(({ length }) => length)]);
  for (let at = 1; at < offsets.length; at++) offsets[at]! += offsets[at - 1]!;
  const outputIds = Int32Array.from(given, ({ outputId }) => outputId ?? -1);
  const ids = chains.flat().map(([segment]) => segment);
  const shared = ids.length > 0 || outputIds.some((id) => id >= 0);
  return {
    name: "by hand",
    count: given.length,
    arrivalUs: Float64Array.from(given, ({ atUs }) => atUs),
    promptTokens: Int32Array.from(tokens),
    outputTokens: Int32Array.from(given, ({ output }) => output),
    ...(given.some(({ releasedBy }) => releasedBy !== undefined)
      ? { releasedBy: Int32Array.from(given, ({ releasedBy }) => releasedBy ?? -1) }
      : {}),
    ...(shared
      ? {
          segments: {
            offsets,
            ids: Int32Array.from(ids),
            endTokens: Int32Array.from(ends.flat()),
            idCount: Math.max(...ids, ...outputIds) + 1,
            outputIds,
          },
        }
      : {}),
    ...(given.some(({ items }) => items !== undefined) ? { items: itemsOf(given) } : {}),
    ...more,
  };
}

function itemsOf(given: readonly Row[]): MultimodalItems {
  const offsets = Int32Array.from([0, ...given.map(({ items = [] }) => items.length)]);
  for (let at = 1; at < offsets.length; at++) offsets[at]! += offsets[at - 1]!;
  const items = given.flatMap(({ items = [] }) => items);
  return {
    offsets,
    startTokens: Int32Array.from(items, ([start]) => start),
    tokens: Int32Array.from(items, ([, tokens]) => tokens),
  };
}

/** A step takes `us` for every token in it, so that a timeline shows how many it had. */
export function perTokenStep(us: number): StepTimeModel {
  const curves = new Map<number, DecodeCurve>();
  return {
    decodeCurve(seqs) {
      let curve = curves.get(seqs);
      if (curve === undefined) {
        curve = { contextTokens: Float64Array.of(0, 1), timeUs: Float64Array.of(us * seqs, us * seqs) };
        curves.set(seqs, curve);
      }
      return curve;
    },
    mixedStepUs(seqs, _context, chunks) {
      let tokens = seqs;
      for (let at = 0; at < chunks.count; at++) tokens += chunks.newTokens[at]!;
      return us * tokens;
    },
    floorUs: () => 0,
  };
}
