import { TraceError } from "../errors.ts";
import { counterUniform, hashSeed, streamId } from "../kernel/random.ts";
import { pickRows } from "./pick-rows.ts";
import type { Workload } from "./workload.ts";

export interface TraceSample {
  /**
   * `window`: neighbouring sessions, from a drawn start, times from the first of them. `every`: every n-th session at
   * its own time, so the rate falls and the shape stays.
   */
  readonly mode: "window" | "every";
  /** Sessions to take, a single request being one; all where the trace has fewer. */
  readonly count: number;
  readonly seed: number | string;
}

/**
 * Some sessions of a workload in their order, with their prompts' ids.
 *
 * @throws TraceError when the count is not 1 or more
 */
export function sampleTrace(workload: Workload, sample: TraceSample): Workload {
  if (!(Number.isInteger(sample.count) && sample.count >= 1)) {
    throw new TraceError(`sample count: found ${sample.count}; allowed: a whole number, 1 or more`);
  }
  const session = sessionNumbers(workload);
  const sessions = session.reduce((most, number) => Math.max(most, number + 1), 0);
  const count = Math.min(sample.count, sessions);
  const uniform = counterUniform(hashSeed(sample.seed), streamId("trace/sample"), 0);
  const stride = sample.mode === "every" ? Math.floor(sessions / count) : 1;
  const first = Math.floor(uniform * (sample.mode === "every" ? stride : sessions - count + 1));
  const isTaken = (number: number): boolean =>
    number >= first && (number - first) % stride === 0 && (number - first) / stride < count;
  const rows = Int32Array.from({ length: workload.count }, (_, row) => row).filter((row) => isTaken(session[row]!));
  const startUs = sample.mode === "window" ? workload.arrivalUs[rows[0]!]! : 0;
  const { releasedBy } = workload;
  const arrivalUs = Float64Array.from(rows, (row) => {
    return workload.arrivalUs[row]! - (releasedBy === undefined || releasedBy[row]! < 0 ? startUs : 0);
  });
  return pickRows(workload, rows, arrivalUs);
}

/** Number of each row's session, in order of their first rows. */
function sessionNumbers(workload: Workload): Int32Array {
  const { releasedBy, count } = workload;
  const numbers = new Int32Array(count);
  let next = 0;
  for (let row = 0; row < count; row++) {
    const parent = releasedBy === undefined ? -1 : releasedBy[row]!;
    numbers[row] = parent < 0 ? next++ : numbers[parent]!;
  }
  return numbers;
}
