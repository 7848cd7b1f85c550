import { createReadStream, existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { DecisionRecord } from "@windtunnel/router-policies";
import { UsageError } from "../exit-code.ts";
import { given } from "../host/given.ts";
import type { InputFile } from "../host/read-text.ts";
import type { ExplainedRequest } from "../output/decision-difference.ts";
import { readRequestCsv } from "../run/request-csv.ts";
import type { Manifest } from "../run/run-directory.ts";
import { DECISIONS, REQUESTS, readManifest, runFolder } from "../run/run-directory.ts";
import type { ExplainOptions } from "./explain.ts";

/** The manifest of a directory. @throws UsageError when it has none */
export function openRunDirectory(path: string, shown: string): Manifest {
  try {
    const manifest = readManifest(path);
    if (manifest.kind === "RunDirectory") return manifest;
  } catch {
    // Said below.
  }
  throw new UsageError(`${shown}: no run directory: it has no readable manifest.json (\`run --out\` writes one)`);
}

/** What the directory recorded of a request under each policy; undefined where one of them has no decision of it. */
export async function recordedRequests(
  directory: string,
  manifest: Manifest,
  policies: readonly string[],
  row: number,
): Promise<ExplainedRequest[] | undefined> {
  const explained: ExplainedRequest[] = [];
  for (const policy of policies) {
    if (!manifest.policies.includes(policy)) return undefined;
    const folder = runFolder(directory, policy, manifest.policies.length);
    const record = await recordedDecision(join(folder, DECISIONS), row);
    const facts = record === undefined ? undefined : await readRequestCsv(join(folder, REQUESTS), row);
    if (record === undefined || facts === undefined) return undefined;
    explained.push({ policy, facts, record });
  }
  return explained;
}

async function recordedDecision(path: string, row: number): Promise<DecisionRecord | undefined> {
  if (!existsSync(path)) return undefined;
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY });
  try {
    for await (const line of lines) {
      if (!line.startsWith(`{"row":${row},`)) continue;
      const { row: _row, ...record } = JSON.parse(line) as DecisionRecord & { readonly row: number };
      return record;
    }
  } catch (error) {
    throw new UsageError(`${path}: cannot be read: ${(error as Error).message}`);
  } finally {
    lines.close();
  }
  return undefined;
}

/** The options that make the directory's run again: a run is deterministic, so what is not recorded can be had again. */
export function optionsOfRun(manifest: Manifest, asked: ExplainOptions): ExplainOptions {
  return given<ExplainOptions>({
    file: manifest.scenarioFiles,
    set: manifest.sets,
    setString: manifest.setStrings,
    setFile: manifest.setFiles,
    seed: manifest.seedOption,
    policy: asked.policy ?? manifest.policyOptions,
    output: asked.output,
    quiet: asked.quiet ?? false,
    request: asked.request,
  });
}

/**
 * Refuses to explain a run by one of other inputs.
 *
 * @param replaced policies that others stand in for now
 * @throws UsageError naming what changed
 */
export function checkInputs(
  shown: string,
  { inputs }: Manifest,
  found: readonly InputFile[],
  replaced: readonly string[],
): void {
  const hashes = new Set(found.map(({ sha256 }) => sha256));
  const changed = inputs.filter(({ path, sha256 }) => !hashes.has(sha256) && !replaced.includes(path));
  if (changed.length === 0) return;
  throw new UsageError(
    `${shown}: ${changed.map(({ path }) => path).join(", ")} changed since the run (manifest.json has another SHA-256): ` +
      "its requests cannot be explained by running again; run it anew",
  );
}
