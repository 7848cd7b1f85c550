import { UsageError } from "../exit-code.ts";
import type { Manifest } from "../run/run-directory.ts";
import { readManifest } from "../run/run-directory.ts";
import type { ExplainOptions } from "./explain.ts";

/**
 * The options that make a run directory's run again: a run is deterministic, so what is not recorded can be had by
 * running it once more.
 */
export function fromRunDirectory(path: string, shown: string, asked: ExplainOptions): ExplainOptions {
  let manifest: Manifest;
  try {
    manifest = readManifest(path);
  } catch {
    throw new UsageError(`${shown}: no run directory: it has no readable manifest.json (\`run --out\` writes one)`);
  }
  return {
    file: manifest.scenarioFiles,
    set: manifest.sets,
    setString: manifest.setStrings,
    setFile: manifest.setFiles,
    seed: String(manifest.seed),
    policy: asked.policy ?? manifest.policyOptions,
    output: asked.output,
    quiet: asked.quiet ?? false,
    ...(asked.request === undefined ? {} : { request: asked.request }),
  };
}
