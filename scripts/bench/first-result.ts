import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";

/** Milliseconds from starting a worker to its result of 10,000 requests, ascending. */
export interface FirstResults {
  /** As the command's workers start from its second start on: compiled code was kept. */
  readonly keptMs: readonly number[];
  /** As they start the first time. */
  readonly nothingKeptMs: readonly number[];
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
    const keptMs: number[] = [];
    const nothingKeptMs: number[] = [];
    for (let run = 0; run < runs; run++) {
      keptMs.push(await once(worker, cache));
      nothingKeptMs.push(await once(worker));
    }
    for (const times of [keptMs, nothingKeptMs]) times.sort((a, b) => a - b);
    return { keptMs, nothingKeptMs };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One worker, to its end, so that the next has the machine for itself. */
async function once(file: string, cache?: string): Promise<number> {
  const started = performance.now();
  const worker = new Worker(file, { workerData: cache });
  const resultMs = await new Promise<number>((resolve, reject) => {
    worker.once("message", () => resolve(performance.now() - started));
    worker.once("error", reject);
  });
  await worker.terminate();
  return resultMs;
}
