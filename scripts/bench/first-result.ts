import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";

/** Milliseconds from starting a worker (the published, bundled form) to its result of 10,000 requests; `runs` of them. */
export async function firstResultMs(runs: number): Promise<number[]> {
  const folder = mkdtempSync(join(tmpdir(), "windtunnel-bench-"));
  try {
    const outfile = join(folder, "worker.mjs");
    await build({
      entryPoints: [join(import.meta.dirname, "worker-run.ts")],
      bundle: true,
      platform: "node",
      format: "esm",
      conditions: ["windtunnel-source"],
      banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
      outfile,
    });
    const times: number[] = [];
    for (let run = 0; run < runs; run++) times.push(await once(outfile));
    return times.sort((a, b) => a - b);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function once(file: string): Promise<number> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const worker = new Worker(file);
    worker.once("message", () => {
      resolve(performance.now() - started);
      void worker.terminate();
    });
    worker.once("error", reject);
  });
}
