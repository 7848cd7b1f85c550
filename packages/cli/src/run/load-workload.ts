import type { Workload } from "@windtunnel/sim-core";
import { generateWorkload, ignoredFields } from "@windtunnel/sim-core";
import { expandPath } from "../host/expand-path.ts";
import { given } from "../host/given.ts";
import type { InputFile } from "../host/read-text.ts";
import { hashInput } from "../host/read-text.ts";
import type { Terminal } from "../host/terminal.ts";
import type { OpenTraceOptions } from "../trace/index.ts";
import type { ReadScenario } from "./read-scenario.ts";
import { atPlace } from "./read-scenario.ts";

/** The scenario's requests, and remarks on what was done to get them. */
export interface LoadedWorkload {
  readonly workload: Workload;
  readonly files: readonly InputFile[];
  readonly remarks: readonly string[];
}

/** Reads the scenario's trace, or generates its requests. */
export async function loadWorkload(read: ReadScenario, terminal: Terminal): Promise<LoadedWorkload> {
  const generated = generateWorkload(read.scenario);
  if (generated) {
    const remarks = ignoredFields(read.scenario).map((field) => `${field} has no effect in a simulation`);
    return { workload: generated, files: [], remarks };
  }
  const { trace } = read.scenario.spec.workload;
  if (!trace) throw new TypeError("a scenario without a workload passed its schema");
  const { path, file } = atPlace(read, ["spec", "workload", "trace", "path"], () => {
    const path = expandPath(trace.path, read.directory, terminal.env);
    return { path, file: hashInput(path, trace.path) };
  });
  const { openTrace } = await import("../trace/index.ts");
  const remarks: string[] = [];
  const options = given<OpenTraceOptions>({
    name: trace.path,
    shown: trace.path,
    format: trace.format,
    seed: read.scenario.spec.seed,
    blockSizeTokens: trace.blockSizeTokens,
    ratePerSecond: trace.rate,
    windowStartUs: trace.window?.start,
    windowEndUs: trace.window?.end,
    limit: trace.limit,
    jitterUs: trace.jitter,
    timeScale: trace.timeScale,
    rateScale: trace.rateScale,
    promptLengthScale: trace.promptLengthScale,
    outputLengthScale: trace.outputLengthScale,
    repeat: trace.repeat,
    onSkipped: (skipped) => {
      for (const [reason, rows] of skipped) remarks.push(`${trace.path}: ${rows} rows left out: ${reason}`);
    },
  });
  const workload = await openTrace(path, options);
  if (trace.jitter === 0) remarks.push(...convoyRemark(workload));
  return { workload, files: [file], remarks };
}

/** Share of arrivals that come with another from which a trace's clock is called coarse. */
const COARSE_FRACTION = 0.5;

/** A trace whose times are rounded makes convoys that never were; its reader should know. */
function convoyRemark({ arrivalUs, releasedBy, count }: Workload): string[] {
  if (releasedBy || count < 100) return [];
  let together = 0;
  let gapUs = Number.POSITIVE_INFINITY;
  for (let row = 1; row < count; row++) {
    const gap = arrivalUs[row]! - arrivalUs[row - 1]!;
    if (gap === 0) together++;
    else if (gap > 0) gapUs = Math.min(gapUs, gap);
  }
  if (together < COARSE_FRACTION * count) return [];
  const percent = Math.round((100 * together) / count);
  return [
    `${percent} % of the arrivals share their time with another: the trace's clock is coarse; jitter: ${gapUs / 1e6}s spreads them`,
  ];
}
