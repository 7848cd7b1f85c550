import { createReadStream, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { constants, createGunzip } from "node:zlib";
import { TraceError } from "@windtunnel/sim-core";

const SEGMENT = /^recording-(\d{6,})\.ndjson\.gz(?:\.partial)?$/;
const NEWLINE = 10;

/** Files of an Endpoint Picker's recording, oldest first: of a folder, or the one that is named; undefined for other files. */
export function recordingSegments(path: string, shown: string): readonly string[] | undefined {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    return SEGMENT.test(basename(path)) ? [path] : undefined;
  }
  const numberOf = (file: string): number => Number(SEGMENT.exec(file)![1]);
  const files = readdirSync(path).filter((file) => SEGMENT.test(file));
  if (files.length === 0) {
    throw new TraceError(
      `${shown}: cannot be read: it is a directory without a recording (recording-000001.ndjson.gz)`,
    );
  }
  return files.sort((a, b) => numberOf(a) - numberOf(b)).map((file) => join(path, file));
}

/** Decompressed bytes of the segments; one that a crash has torn is read to its last whole line. */
export async function* segmentBytes(files: readonly string[]): AsyncGenerator<Buffer> {
  for (const file of files) yield* wholeLines(file);
}

async function* wholeLines(file: string): AsyncGenerator<Buffer> {
  const source = createReadStream(file);
  // Gives what can be unpacked of a file without its end.
  const gunzip = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH });
  source.on("error", (error) => gunzip.destroy(error));
  let rest: Buffer[] = [];
  try {
    for await (const chunk of source.pipe(gunzip) as AsyncIterable<Buffer>) {
      const end = chunk.lastIndexOf(NEWLINE) + 1;
      if (end > 0) {
        yield Buffer.concat([...rest, chunk.subarray(0, end)]);
        rest = [];
      }
      if (end < chunk.length) rest.push(chunk.subarray(end));
    }
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}
