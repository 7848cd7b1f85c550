import { sampleTrace, type TraceSample } from "@windtunnel/sim-core";
import { type OpenTraceOptions, openTraceAndTable } from "./open-trace.ts";
import { type TraceTarget, writeTrace } from "./write-trace.ts";

export interface ConvertTraceOptions extends OpenTraceOptions {
  /** Format to write: one of `traceWriterNames`. */
  readonly to: string;
}

export interface SampleTraceOptions extends OpenTraceOptions {
  /** Format to write; absent = `windtunnel`. */
  readonly to?: string;
  readonly sample: TraceSample;
}

/** What was written. */
export interface WrittenTrace {
  readonly from: string;
  readonly to: string;
  readonly rows: number;
  /** Block size of the written ids, where there are any: other readers must be told. */
  readonly blockSizeTokens?: number;
  readonly skipped: Readonly<Record<string, number>>;
}

/** Writes a trace, transformed as asked, in another format. @throws TraceError */
export async function traceConvert(
  path: string,
  target: TraceTarget,
  options: ConvertTraceOptions,
): Promise<WrittenTrace> {
  return write(path, target, options);
}

/** Writes some sessions of a trace, in order and with their ids; in the `windtunnel` format where none is named. */
export async function traceSample(
  path: string,
  target: TraceTarget,
  options: SampleTraceOptions,
): Promise<WrittenTrace> {
  return write(path, target, { ...options, to: options.to ?? "windtunnel" }, options.sample);
}

async function write(
  path: string,
  target: TraceTarget,
  options: ConvertTraceOptions,
  sample?: TraceSample,
): Promise<WrittenTrace> {
  const { workload, table, skipped } = await openTraceAndTable(path, options);
  const written = sample === undefined ? workload : sampleTrace(workload, sample);
  await writeTrace(target, options.to, written, table);
  return {
    from: table.format,
    to: options.to,
    rows: written.count,
    ...(table.blockSizeTokens === undefined ? {} : { blockSizeTokens: table.blockSizeTokens }),
    skipped: Object.fromEntries(skipped),
  };
}
