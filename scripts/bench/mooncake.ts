import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { createTraceReader, simulate, transformTrace, workloadFromTrace } from "@windtunnel/sim-core";
import { type CaseResult, measured } from "./cases.ts";
import { fleet } from "./fleets.ts";

const data = process.env.WINDTUNNEL_DATA ?? join(import.meta.dirname, "..", "..", "..", "shared");
const path = join(data, "traces", "mooncake", "conversation_trace.jsonl.gz");

/** The real Mooncake conversation trace, jittered over its 3 s grid, on 8 replicas with 16-token blocks. */
export function runMooncake(): CaseResult | undefined {
  if (!existsSync(path)) return undefined;
  const reader = createTraceReader({ file: path });
  reader.push(gunzipSync(readFileSync(path)).toString("utf8"));
  const { workload } = workloadFromTrace(reader.end());
  const input = fleet(8, "optimized-baseline", transformTrace(workload, { jitterUs: 3_000_000, seed: 1 }));
  const started = performance.now();
  const result = simulate(input);
  return measured(result, performance.now() - started);
}
