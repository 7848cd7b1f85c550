import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { stringify } from "yaml";
import { UsageError } from "../exit-code.ts";
import { formatData } from "../output/format.ts";
import type { Run } from "./run.ts";
import { writeRequestsCsv, writeSeriesCsv } from "./run-csv.ts";

/** Marks a directory as ours: only such a one, or an empty one, is replaced. */
const MANIFEST = "manifest.json";
export const DECISIONS = "decisions.ndjson";
export const REQUESTS = "requests.csv";

/** What a run directory says of how it was made: enough to make it again. */
export interface Manifest {
  readonly kind: "RunDirectory";
  /** Name of the scenario. */
  readonly scenario: string;
  readonly version: string;
  readonly node: string;
  /** Absolute paths of the `-f` files. */
  readonly scenarioFiles: readonly string[];
  /** Those of the environment first. */
  readonly sets: readonly string[];
  readonly setStrings: readonly string[];
  /** With absolute paths. */
  readonly setFiles: readonly string[];
  readonly seed: number | string;
  /** What `--seed` asked for; absent = the scenario's own. */
  readonly seedOption?: string;
  readonly partial: boolean;
  readonly inputs: readonly { readonly path: string; readonly sha256: string }[];
  /** As results name them. */
  readonly policies: readonly string[];
  /** What `--policy` asked for, files by absolute path; empty = the scenario's own router. */
  readonly policyOptions: readonly string[];
}

/** @throws UsageError when the directory holds something that a run did not write */
export function checkRunDirectory(directory: string): void {
  if (!existsSync(directory)) return;
  let entries: string[];
  try {
    entries = readdirSync(directory);
  } catch {
    throw new UsageError(`--out ${directory}: is a file; a directory is needed`);
  }
  if (entries.length > 0 && !isOurs(directory)) {
    throw new UsageError(`--out ${directory}: is not empty and no run directory; name another, or empty it`);
  }
}

function isOurs(directory: string): boolean {
  try {
    return readManifest(directory).kind === "RunDirectory";
  } catch {
    return false;
  }
}

/** The manifest of a run directory. */
export function readManifest(directory: string): Manifest {
  return JSON.parse(readFileSync(join(directory, MANIFEST), "utf8")) as Manifest;
}

/**
 * Writes the runs into a new directory and moves it into place: a reader sees the old one or the new one, never half.
 * One run lies in the directory itself, several in one folder per policy.
 */
export function writeRunDirectory(directory: string, runs: readonly Run[], manifest: Manifest): void {
  const target = resolve(directory);
  checkRunDirectory(target);
  mkdirSync(dirname(target), { recursive: true });
  const temporary = mkdtempSync(join(dirname(target), `.${basename(target)}-`));
  try {
    for (const run of runs) writeRun(runFolder(temporary, run.policy, runs.length), run);
    writeFileSync(join(temporary, MANIFEST), formatData(manifest, "json"));
    rmSync(target, { recursive: true, force: true });
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw error;
  }
}

/** Where the run under one policy of several lies. */
export function runFolder(directory: string, policy: string, policies: number): string {
  return policies === 1 ? directory : join(directory, fileName(policy));
}

function writeRun(directory: string, run: Run): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "summary.json"), formatData(run.summary, "json"));
  writeFileSync(join(directory, "scenario.resolved.yaml"), stringify(run.resolved(), { lineWidth: 0 }));
  writeFileSync(join(directory, "router.resolved.yaml"), run.router());
  writeRequestsCsv(join(directory, REQUESTS), run);
  if (run.result.series) writeSeriesCsv(join(directory, "series.csv"), run);
  const decisions = [...run.decisions].sort(([a], [b]) => a - b).map(([row, record]) => ({ row, ...record }));
  if (decisions.length > 0) writeFileSync(join(directory, DECISIONS), formatData(decisions, "ndjson"));
}

/** A policy's name as a folder: a file's path becomes its base name. */
function fileName(policy: string): string {
  return basename(policy).replace(/[^\w.-]/g, "_");
}
