import {
  type TraceTable,
  type TraceTransform,
  type TraceWorkloadOptions,
  transformTrace,
  type Workload,
  workloadFromTrace,
} from "@windtunnel/sim-core";
import { given } from "../host/given.ts";
import { type ReadTraceOptions, readTrace } from "./read-trace.ts";

export interface OpenTraceOptions extends ReadTraceOptions, TraceTransform {
  /** Name of the workload; absent = the path. */
  readonly name?: string;
  /** Poisson arrivals at this rate instead of the trace's own; needed for a trace of lengths only. */
  readonly ratePerSecond?: number;
  /** Told of rows that are left out, by reason, when there are any. */
  readonly onSkipped?: (skipped: ReadonlyMap<string, number>) => void;
}

/** A trace file as a workload, transformed as asked. @throws TraceError */
export async function openTrace(path: string, options: OpenTraceOptions = {}): Promise<Workload> {
  return (await openTraceAndTable(path, options)).workload;
}

export interface OpenedTrace {
  readonly workload: Workload;
  readonly table: TraceTable;
  readonly skipped: ReadonlyMap<string, number>;
  readonly sha256: string;
}

/** As `openTrace`, with the table that the workload was made of: segment ids are the same in both. */
export async function openTraceAndTable(path: string, options: OpenTraceOptions): Promise<OpenedTrace> {
  const { table, sha256 } = await readTrace(path, withSeed(options));
  const { ratePerSecond, seed, name } = options;
  const { workload, skipped } = workloadFromTrace(table, given<TraceWorkloadOptions>({ name, ratePerSecond, seed }));
  if (skipped.size > 0) options.onSkipped?.(skipped);
  return { workload: transformTrace(workload, options), table, skipped, sha256 };
}

/** One seed for all that is drawn, a generator's own included. */
function withSeed(options: OpenTraceOptions): ReadTraceOptions {
  return options.seed === undefined ? options : { ...options, span: { seed: options.seed, ...options.span } };
}
