export { PoolError } from "./pool/pool-source.ts";
export { replayCounterfactual, replayRecording } from "./record/replay.ts";
export type { CounterfactualReport, ReplayReport } from "./record/replay-report.ts";
export { type EppTerminal, runEpp } from "./server/run-epp.ts";
