import type { SimulationInput } from "./input.ts";
import type { RequestColumns } from "./result.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Columns that a run fills. */
export type FilledColumns = Writable<RequestColumns>;

/** Columns of requests of which none has come; `reactsToEnds`: when they do is not known beforehand. */
export function emptyColumns({ workload }: SimulationInput, reactsToEnds: boolean): FilledColumns {
  const { count } = workload;
  return {
    count,
    promptTokens: workload.promptTokens,
    outputTokens: new Int32Array(count),
    arrivalUs: reactsToEnds ? new Float64Array(count).fill(NaN) : workload.arrivalUs,
    scheduledUs: new Float64Array(count).fill(NaN),
    firstTokenUs: new Float64Array(count).fill(NaN),
    finishUs: new Float64Array(count).fill(NaN),
    replica: new Int32Array(count).fill(-1),
    cachedTokens: new Int32Array(count),
    preemptions: new Uint16Array(count),
    outcome: new Uint8Array(count),
  };
}
