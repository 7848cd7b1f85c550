import { pickItems } from "../multimodal-items.ts";
import type { PromptSegments, Workload } from "../workload.ts";

const DIGITS = 2 ** 12;

/** Row indices by ascending key, equal keys in row order. Keys are integers from 0 to 2^48: a radix sort by 12 bits. */
export function ascendingOrder(keys: Float64Array): Int32Array {
  let order = Int32Array.from(keys, (_, row) => row);
  let spare = new Int32Array(keys.length);
  const digits = new Uint16Array(keys.length);
  const starts = new Int32Array(DIGITS);
  let largest = 0;
  for (const key of keys) if (key > largest) largest = key;
  for (let scale = 1; scale <= largest; scale *= DIGITS) {
    // ToInt32 keeps the low 32 bits of any integer, so the mask is exact beyond 2^32 too.
    for (let row = 0; row < keys.length; row++) digits[row] = (keys[row]! / scale) & (DIGITS - 1);
    digitStarts(digits, starts);
    for (let i = 0; i < order.length; i++) {
      const row = order[i]!;
      const digit = digits[row]!;
      spare[starts[digit]!] = row;
      starts[digit]! += 1;
    }
    [order, spare] = [spare, order];
  }
  return order;
}

/** Sets `starts` to where the rows of each digit begin in sorted order. */
function digitStarts(digits: Uint16Array, starts: Int32Array): void {
  starts.fill(0);
  for (let row = 0; row < digits.length; row++) starts[digits[row]!]! += 1;
  let next = 0;
  for (let digit = 0; digit < DIGITS; digit++) {
    const rows = starts[digit]!;
    starts[digit] = next;
    next += rows;
  }
}

/** The workload with its rows in this order; only for rows that nothing else refers to (no `releasedBy`, no stages). */
export function reorderRows(workload: Workload, order: Int32Array): Workload {
  const { segments, items, classOf, adapterOf } = workload;
  return {
    ...workload,
    arrivalUs: gather(workload.arrivalUs, order, new Float64Array(order.length)),
    promptTokens: gather(workload.promptTokens, order, new Int32Array(order.length)),
    outputTokens: gather(workload.outputTokens, order, new Int32Array(order.length)),
    ...(segments === undefined ? {} : { segments: reorderSegments(segments, order) }),
    ...(items === undefined ? {} : { items: pickItems(items, order) }),
    ...(classOf === undefined ? {} : { classOf: gather(classOf, order, new Uint8Array(order.length)) }),
    ...(adapterOf === undefined ? {} : { adapterOf: gather(adapterOf, order, new Int32Array(order.length)) }),
  };
}

function gather<Column extends Float64Array | Int32Array | Uint8Array>(
  from: Column,
  order: Int32Array,
  to: Column,
): Column {
  for (let row = 0; row < order.length; row++) to[row] = from[order[row]!]!;
  return to;
}

function reorderSegments(segments: PromptSegments, order: Int32Array): PromptSegments {
  const offsets = new Int32Array(order.length + 1);
  const ids = new Int32Array(segments.ids.length);
  const endTokens = new Int32Array(segments.endTokens.length);
  let next = 0;
  for (let row = 0; row < order.length; row++) {
    const from = order[row]!;
    for (let entry = segments.offsets[from]!; entry < segments.offsets[from + 1]!; entry++, next++) {
      ids[next] = segments.ids[entry]!;
      endTokens[next] = segments.endTokens[entry]!;
    }
    offsets[row + 1] = next;
  }
  const { outputIds, idCount } = segments;
  return {
    offsets,
    ids,
    endTokens,
    idCount,
    ...(outputIds === undefined ? {} : { outputIds: gather(outputIds, order, new Int32Array(order.length)) }),
  };
}
