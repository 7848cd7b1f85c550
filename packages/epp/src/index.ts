export { PoolError } from "./pool/pool-source.ts";
export { type EppTerminal, runEpp } from "./server/run-epp.ts";
