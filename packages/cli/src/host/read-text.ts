import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { didYouMean } from "@windtunnel/sim-core";
import { UsageError } from "../exit-code.ts";

/** A file that a run read: its path as the user wrote it, and what was in it. */
export interface InputFile {
  readonly path: string;
  readonly sha256: string;
}

/**
 * Text of a file, and its identity.
 *
 * @throws UsageError naming the file, and the nearest one beside it
 */
export function readText(path: string, shown = path): { readonly text: string; readonly input: InputFile } {
  const bytes = readBytes(path, shown);
  return { text: bytes.toString("utf8"), input: { path: shown, sha256: sha256(bytes) } };
}

/** Identity of a file, or of a folder's files, that somebody else reads. */
export function hashInput(path: string, shown = path): InputFile {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    return { path: shown, sha256: sha256(readBytes(path, shown)) };
  }
  const files = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isFile());
  const lines = files
    .map(({ name }) => `${name} ${sha256(readBytes(join(path, name), join(shown, name)))}\n`)
    .sort((a, b) => (a < b ? -1 : 1));
  return { path: shown, sha256: sha256(Buffer.from(lines.join(""))) };
}

function readBytes(path: string, shown: string): Buffer {
  if (shown === "") throw new UsageError(`"": expected the name of a file`);
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(`${shown}: ${reason(path, error as NodeJS.ErrnoException)}`);
  }
}

function reason(path: string, error: NodeJS.ErrnoException): string {
  if (error.code === "EISDIR") return "is a directory; a file is needed";
  if (error.code !== "ENOENT") return `cannot be read (${error.code ?? error.message})`;
  let siblings: string[] = [];
  try {
    siblings = readdirSync(dirname(resolve(path)));
  } catch {
    return `no such file; there is no directory ${dirname(path)} either`;
  }
  return `no such file${didYouMean(basename(path), siblings)}`;
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
