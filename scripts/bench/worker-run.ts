// The worker of the first-result figure: 10,000 requests, from nothing.
import { parentPort } from "node:worker_threads";
import { runCase } from "./cases.ts";

parentPort!.postMessage(runCase({ name: "load-only", pods: 8, requests: 10_000, ratePerPod: 16 }));
