import { TraceError } from "../errors.ts";
import { log1p } from "../kernel/math.ts";
import { counterUniform, hashSeed, streamId } from "../kernel/random.ts";
import { pickItems } from "./multimodal-items.ts";
import { pickSegments } from "./pick-rows.ts";
import type { TraceTable } from "./trace-rows.ts";
import type { Workload } from "./workload.ts";

export interface TraceWorkloadOptions {
  readonly name?: string;
  /** Poisson arrivals at this rate instead of the file's own; a trace of lengths only needs it. */
  readonly ratePerSecond?: number;
  readonly seed?: number | string;
}

export interface TraceWorkload {
  readonly workload: Workload;
  /** Rows that cannot be served, by reason; those that the reader left out included. */
  readonly skipped: ReadonlyMap<string, number>;
}

/**
 * Makes a workload of a trace: rows sorted by arrival (equal times keep file order, a released row follows the row
 * that starts its session), times from the first arrival in whole microseconds, rows without a prompt or without
 * output left out and counted.
 *
 * @throws TraceError when the trace has no times and no rate is given, or no row can be served
 */
export function workloadFromTrace(table: TraceTable, options: TraceWorkloadOptions = {}): TraceWorkload {
  const arrivalUs = options.ratePerSecond === undefined ? table.arrivalUs : poissonArrivals(table, options);
  if (arrivalUs === undefined) {
    throw new TraceError(`${table.file}: ${table.format} trace without arrival times; allowed: with a rate per second`);
  }
  const skipped = new Map(table.skipped);
  const order = servingOrder(table, arrivalUs, skipped);
  if (order.rows.length === 0)
    throw new TraceError(`${table.file}: found no request that can be served; allowed: 1 or more`);
  const { segments, items, classOf, classNames, adapterOf, adapters } = table;
  const workload: Workload = {
    name: options.name ?? table.file,
    count: order.rows.length,
    arrivalUs: order.arrivalUs,
    promptTokens: order.rows.map((row) => table.promptTokens[row]!),
    outputTokens: order.rows.map((row) => table.outputTokens[row]!),
    ...(segments === undefined ? {} : { segments: pickSegments(segments, order.rows) }),
    ...(items === undefined ? {} : { items: pickItems(items, order.rows) }),
    ...(order.releasedBy.some((parent) => parent >= 0) ? { releasedBy: order.releasedBy } : {}),
    ...(classOf === undefined || classNames === undefined
      ? {}
      : {
          classOf: Uint8Array.from(order.rows, (row) => classOf[row]!),
          classes: classNames.map((name) => ({ name, priority: 0 })),
        }),
    ...(adapterOf === undefined || adapters === undefined
      ? {}
      : { adapterOf: order.rows.map((row) => adapterOf[row]!), adapters }),
  };
  return { workload, skipped };
}

interface ServingOrder {
  readonly rows: Int32Array;
  readonly arrivalUs: Float64Array;
  readonly releasedBy: Int32Array;
}

function servingOrder(table: TraceTable, arrivalUs: Float64Array, skipped: Map<string, number>): ServingOrder {
  const { count, promptTokens, outputTokens } = table;
  const parents = table.releasedBy ?? new Int32Array(count).fill(-1);
  // A row that is left out hands its place in the session to the next: parent, delay and start of its own.
  const servedParent = new Int32Array(count);
  const delayUs = Float64Array.from(arrivalUs);
  const rootUs = new Float64Array(count);
  const served = new Uint8Array(count);
  for (let row = 0; row < count; row++) {
    const parent = parents[row]!;
    const parentServed = parent < 0 || served[parent] === 1;
    servedParent[row] = parentServed ? parent : servedParent[parent]!;
    if (!parentServed) delayUs[row] = delayUs[row]! + delayUs[parent]!;
    rootUs[row] = servedParent[row]! < 0 ? delayUs[row]! : rootUs[servedParent[row]!]!;
    const reason = promptTokens[row] === 0 ? "prompt of 0 tokens" : outputTokens[row] === 0 ? "output of 0 tokens" : "";
    if (reason === "") served[row] = 1;
    else skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
  }
  const rows = Int32Array.from(Int32Array.from({ length: count }, (_, row) => row).filter((row) => served[row] === 1));
  rows.sort((a, b) => rootUs[a]! - rootUs[b]! || a - b);
  const newRow = new Int32Array(count).fill(-1);
  rows.forEach((row, index) => {
    newRow[row] = index;
  });
  const originUs = rows.length === 0 ? 0 : rootUs[rows[0]!]!;
  return {
    rows,
    arrivalUs: Float64Array.from(rows, (row) =>
      Math.round(servedParent[row]! < 0 ? rootUs[row]! - originUs : delayUs[row]!),
    ),
    releasedBy: rows.map((row) => (servedParent[row]! < 0 ? -1 : newRow[servedParent[row]!]!)),
  };
}

/** Exponential gaps, the first at 0; rows with `releasedBy` keep their delay. */
function poissonArrivals(table: TraceTable, options: TraceWorkloadOptions): Float64Array {
  const rate = options.ratePerSecond!;
  if (!(rate > 0 && rate < Number.POSITIVE_INFINITY)) {
    throw new TraceError(`${table.file}: rate per second: found ${rate}; allowed: a number above 0`);
  }
  const seed = hashSeed(options.seed ?? 0);
  const stream = streamId("trace/arrivals");
  const meanGapUs = 1e6 / rate;
  const arrivalUs = new Float64Array(table.count);
  let nowUs = 0;
  for (let row = 0; row < table.count; row++) {
    if (table.releasedBy !== undefined && table.releasedBy[row]! >= 0) {
      arrivalUs[row] = table.arrivalUs?.[row] ?? 0;
      continue;
    }
    arrivalUs[row] = nowUs;
    nowUs -= log1p(-counterUniform(seed, stream, row)) * meanGapUs;
  }
  return arrivalUs;
}
