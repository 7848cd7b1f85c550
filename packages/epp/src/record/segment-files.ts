import { readdirSync, readFileSync, statSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { RECORDING_VERSION, SEGMENT_FILE } from "./recording-line.ts";

const MANIFEST = "manifest.json";

/** A segment on disk. */
export interface SegmentFile {
  readonly file: string;
  readonly number: number;
  readonly bytes: number;
}

/** What is left of a folder of recordings, and what had to go. */
interface Manifest {
  readonly kind: "WindtunnelRecording";
  readonly version: number;
  readonly maxBytes: number;
  readonly segments: readonly { readonly file: string; readonly bytes: number }[];
  /** Oldest segments that went so that the folder stays within its size. */
  readonly removedSegments: number;
  readonly removedBytes: number;
}

/** The folder's segments, oldest first. */
export function segmentsOf(directory: string): SegmentFile[] {
  return readdirSync(directory)
    .flatMap((file) => {
      const number = SEGMENT_FILE.exec(file)?.[1];
      return number === undefined ? [] : [{ file, number: Number(number), bytes: sizeOf(join(directory, file)) }];
    })
    .sort((a, b) => a.number - b.number || (a.file < b.file ? -1 : 1));
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** Keeps a folder of segments within its size, and says in `manifest.json` what it did. */
export class SegmentFolder {
  readonly #directory: string;
  readonly #maxBytes: number;
  #removedSegments: number;
  #removedBytes: number;

  constructor(directory: string, maxBytes: number) {
    this.#directory = directory;
    this.#maxBytes = maxBytes;
    const before = manifestOf(directory);
    this.#removedSegments = before?.removedSegments ?? 0;
    this.#removedBytes = before?.removedBytes ?? 0;
  }

  /** @param current the segment that is being written, which stays  @param reserveBytes what it may still grow by */
  async tidy(current: string | undefined, reserveBytes: number): Promise<void> {
    let segments = segmentsOf(this.#directory);
    let total = segments.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { file, bytes } of segments) {
      if (total + reserveBytes <= this.#maxBytes || file === current) break;
      await rm(join(this.#directory, file), { force: true });
      total -= bytes;
      this.#removedSegments++;
      this.#removedBytes += bytes;
    }
    segments = segmentsOf(this.#directory);
    const manifest: Manifest = {
      kind: "WindtunnelRecording",
      version: RECORDING_VERSION,
      maxBytes: this.#maxBytes,
      segments: segments.map(({ file, bytes }) => ({ file, bytes })),
      removedSegments: this.#removedSegments,
      removedBytes: this.#removedBytes,
    };
    const path = join(this.#directory, MANIFEST);
    await writeFile(`${path}.tmp`, `${JSON.stringify(manifest, null, 2)}\n`);
    await rename(`${path}.tmp`, path);
  }
}

function manifestOf(directory: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, MANIFEST), "utf8")) as Manifest;
  } catch {
    // None yet, or one that a crash has torn.
    return undefined;
  }
}
