// The worker of the first-result figure, started as the command starts its own (packages/cli/src/main.ts): the folder
// that keeps compiled code is said before anything large is read.
import { enableCompileCache } from "node:module";
import { workerData } from "node:worker_threads";

if (typeof workerData === "string") enableCompileCache(workerData);
await import("./worker-run.ts");
