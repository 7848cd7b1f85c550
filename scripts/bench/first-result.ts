import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";

/** What a worker's result of 10,000 requests took, in milliseconds: medians. */
export interface FirstResult {
  /** From starting the worker. */
  readonly wallMs: number;
  /** Processor time of its thread. */
  readonly processorMs: number;
}

export interface FirstResults {
  /** As the command's workers start from its second start on: compiled code was kept. */
  readonly kept: FirstResult;
  /** As they start the first time. */
  readonly nothingKept: FirstResult;
}

/** Starts a worker from the bundled form, `runs` times in either way, in turn. */
export async function firstResults(runs: number): Promise<FirstResults> {
  const folder = mkdtempSync(join(tmpdir(), "windtunnel-bench-"));
  try {
    await build({
      entryPoints: { worker: join(import.meta.dirname, "worker-start.ts") },
      outdir: folder,
      outExtension: { ".js": ".mjs" },
      bundle: true,
      splitting: true,
      platform: "node",
      target: "node24",
      format: "esm",
      conditions: ["windtunnel-source"],
      banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    });
    const worker = join(folder, "worker.mjs");
    const cache = join(folder, "compile-cache");
    // Leaves its compiled code behind.
    await once(worker, cache);
    const kept: FirstResult[] = [];
    const nothingKept: FirstResult[] = [];
    for (let run = 0; run < runs; run++) {
      kept.push(await once(worker, cache));
      nothingKept.push(await once(worker));
    }
    return { kept: medians(kept), nothingKept: medians(nothingKept) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One worker, to its end, so that the next has the machine for itself. */
async function once(file: string, cache?: string): Promise<FirstResult> {
  const started = performance.now();
  const worker = new Worker(file, { workerData: cache });
  const result = await new Promise<FirstResult>((resolve, reject) => {
    worker.once("message", (processorMs: number) => resolve({ wallMs: performance.now() - started, processorMs }));
    worker.once("error", reject);
  });
  await worker.terminate();
  return result;
}

function medians(results: readonly FirstResult[]): FirstResult {
  const median = (of: (result: FirstResult) => number): number =>
    results.map(of).sort((a, b) => a - b)[Math.floor(results.length / 2)]!;
  return { wallMs: median(({ wallMs }) => wallMs), processorMs: median(({ processorMs }) => processorMs) };
}
