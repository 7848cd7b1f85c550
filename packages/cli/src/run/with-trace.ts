import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parse } from "yaml";
import type { Terminal } from "../host/terminal.ts";
import type { ScenarioOptions } from "./read-scenario.ts";

/**
 * Options with `--trace` put into words that `--set` has: the trace is the whole workload, the scenario's own SLO stays.
 * It stands before the other `--set` options, which may say how the trace is replayed.
 */
export function withTrace<T extends ScenarioOptions>(options: T, trace: string | undefined, terminal: Terminal): T {
  if (trace === undefined) return options;
  const slo = options.file.map((file) => sloOf(resolve(terminal.cwd, file))).findLast((found) => found !== undefined);
  const workload = { ...(slo === undefined ? {} : { slo }), trace: { path: resolve(terminal.cwd, trace) } };
  return { ...options, set: [`spec.workload=${JSON.stringify(workload)}`, ...(options.set ?? [])] };
}

/** `spec.workload.slo` of a file; a file that cannot be read is reported by whoever loads the scenario. */
function sloOf(path: string): unknown {
  try {
    const document = parse(readFileSync(path, "utf8")) as { spec?: { workload?: { slo?: unknown } } } | null;
    return document?.spec?.workload?.slo;
  } catch {
    return undefined;
  }
}
