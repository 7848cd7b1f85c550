import { pickItems } from "./multimodal-items.ts";
import { pickSpans } from "./pick-spans.ts";
import type { PromptSegments, Workload } from "./workload.ts";

/**
 * The workload of these rows in this order, `releasedBy` renumbered. A row that is released by one left out must be
 * left out too.
 *
 * @param arrivalUs of the picked rows, in the new order
 */
export function pickRows(workload: Workload, rows: Int32Array, arrivalUs: Float64Array): Workload {
  const { segments, items, releasedBy, classOf, adapterOf } = workload;
  const newRow = new Int32Array(workload.count).fill(-1);
  if (releasedBy !== undefined) for (let i = 0; i < rows.length; i++) newRow[rows[i]!] = i;
  return {
    ...workload,
    count: rows.length,
    arrivalUs,
    promptTokens: rows.map((row) => workload.promptTokens[row]!),
    outputTokens: rows.map((row) => workload.outputTokens[row]!),
    ...(segments === undefined ? {} : { segments: pickSegments(segments, rows) }),
    ...(items === undefined ? {} : { items: pickItems(items, rows) }),
    ...(releasedBy === undefined
      ? {}
      : { releasedBy: rows.map((row) => (releasedBy[row]! < 0 ? -1 : newRow[releasedBy[row]!]!)) }),
    ...(classOf === undefined ? {} : { classOf: Uint8Array.from(rows, (row) => classOf[row]!) }),
    ...(adapterOf === undefined ? {} : { adapterOf: rows.map((row) => adapterOf[row]!) }),
  };
}

/** The rows' segments in a new order; ids keep their numbers. */
export function pickSegments(segments: PromptSegments, rows: Int32Array): PromptSegments {
  const { offsets, columns } = pickSpans(segments.offsets, [segments.ids, segments.endTokens], rows);
  const [ids, endTokens] = columns;
  const { idCount, outputIds } = segments;
  return {
    offsets,
    ids,
    endTokens,
    idCount,
    ...(outputIds === undefined ? {} : { outputIds: rows.map((row) => outputIds[row]!) }),
  };
}
