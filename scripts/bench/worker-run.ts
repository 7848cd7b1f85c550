// The worker of the first-result figure: 10,000 requests, from nothing. Answers with its own processor time, which other
// programs on the machine hardly change.
import { parentPort } from "node:worker_threads";
import { runCase } from "./cases.ts";

runCase({ name: "load-only", pods: 8, requests: 10_000, ratePerPod: 16 });
const { user, system } = process.threadCpuUsage();
parentPort!.postMessage((user + system) / 1000);
