// Runs one case in a process of its own, so that compilation, heap and peak memory are its own.

import { blisNsPerRequest, oursNsPerRequest } from "./blis.ts";
import { runCase, saturatedRatePerPod } from "./cases.ts";
import { decisionRecordsOff } from "./decisions-off.ts";
import { firstResults } from "./first-result.ts";
import { runMooncake } from "./mooncake.ts";

const [mode, text = "{}"] = process.argv.slice(2);
const spec = JSON.parse(text);
const modes: Record<string, () => unknown> = {
  run: () => runCase(spec),
  saturate: () => saturatedRatePerPod(spec),
  mooncake: () => runMooncake() ?? null,
  decisionsOff: () => decisionRecordsOff(spec.pairs),
  firstResults: () => firstResults(spec.runs),
  ours: () => oursNsPerRequest(),
  blis: () => blisNsPerRequest(spec.program, spec.fastest),
};
const run = modes[mode ?? ""];
if (run === undefined) throw new Error(`unknown mode "${mode}", allowed: ${Object.keys(modes).join(", ")}`);
process.stdout.write(JSON.stringify(await run()));
