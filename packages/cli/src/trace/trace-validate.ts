import { type ColumnUse, traceInfo as infoOf, suggestedJitterUs, TraceError } from "@windtunnel/sim-core";
import { type ReadTraceOptions, readTrace } from "./read-trace.ts";

/** Whether a trace can be replayed, and what a reader should know before doing it. */
export interface TraceValidation {
  readonly valid: boolean;
  /** One line: file, line, column, what was found, what is allowed. */
  readonly error?: string;
  readonly format?: string;
  readonly mapping?: readonly ColumnUse[];
  readonly rows?: number;
  /** Things that are allowed and may surprise, one line each. */
  readonly warnings: readonly string[];
}

/** Reads the whole trace; a bad row is a value, not an exception. */
export async function traceValidate(path: string, options: ReadTraceOptions = {}): Promise<TraceValidation> {
  try {
    const { table } = await readTrace(path, options);
    const info = infoOf(table);
    const { format, mapping, rows } = info;
    return { valid: true, format, mapping, rows, warnings: warningsOf(info) };
  } catch (error) {
    if (error instanceof TraceError) return { valid: false, error: error.message, warnings: [] };
    throw error;
  }
}

function warningsOf(info: ReturnType<typeof infoOf>): string[] {
  const jitterUs = suggestedJitterUs(info);
  const chained = info.prefix_chain_violations ?? 0;
  return [
    ...info.notes,
    ...Object.entries(info.skipped).map(([reason, rows]) => `${rows} rows left out: ${reason}`),
    ...(info.zero_input_rows > 0 ? [`${info.zero_input_rows} rows have a prompt of 0 tokens: left out of a run`] : []),
    ...(info.zero_output_rows > 0
      ? [`${info.zero_output_rows} rows have an output of 0 tokens: left out of a run`]
      : []),
    ...(info.arrivals === undefined && info.released_rows < info.rows && info.rows > 1
      ? ["no arrival times: a rate must be given"]
      : []),
    ...(info.sorted_by_timestamp === false
      ? ["arrivals are not in order: they are sorted, equal times in file order"]
      : []),
    ...(jitterUs > 0
      ? [`most gaps are 0: times come in steps of ${jitterUs / 1e6} s; a jitter that wide undoes it`]
      : []),
    ...(chained > 0 ? [`${chained} block ids stand under more than one prefix: they count as different blocks`] : []),
  ];
}
