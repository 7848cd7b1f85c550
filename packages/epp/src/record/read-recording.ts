import { createReadStream, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { constants, createGunzip } from "node:zlib";
import { RecordingError } from "./recording-error.ts";
import { RECORDING_VERSION, type RecordedEvent, type RecordingHeader, SEGMENT_FILE } from "./recording-line.ts";
import { segmentsOf } from "./segment-files.ts";

/** A line of a recording, and where it stands. */
export interface RecordingLine {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly value: RecordingHeader | RecordedEvent;
}

export const isHeader = (value: RecordingHeader | RecordedEvent): value is RecordingHeader => !Array.isArray(value);

/**
 * The lines of a folder of segments, or of one segment. A segment that a crash has torn is read to its last whole line.
 *
 * @throws RecordingError for a folder without segments, a segment that cannot be read, a line that is none
 */
export async function* readRecording(path: string): AsyncGenerator<RecordingLine> {
  for (const file of filesOf(path)) {
    let line = 0;
    for await (const text of textLines(file)) {
      line++;
      const value = parsed(text, file, line);
      if (line === 1) checkHeader(value, file);
      yield { file, line, value };
    }
  }
}

function filesOf(path: string): string[] {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new RecordingError(`${path}: no such folder; allowed: what --record has written`);
  if (!found.isDirectory()) {
    if (SEGMENT_FILE.test(basename(path))) return [join(dirname(path), basename(path))];
    throw new RecordingError(`${path}: is no segment of a recording (recording-000001.ndjson.gz)`);
  }
  const segments = segmentsOf(path).filter(({ bytes }) => bytes > 0);
  if (segments.length === 0) throw new RecordingError(`${path}: has no segment (recording-000001.ndjson.gz)`);
  return segments.map(({ file }) => join(path, file));
}

/** Whole lines; what follows the last line end is what a crash has torn. */
async function* textLines(file: string): AsyncGenerator<string> {
  const source = createReadStream(file);
  // Gives what can be unpacked of a file without its end.
  const gunzip = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH });
  source.on("error", (error) => gunzip.destroy(error));
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for await (const chunk of source.pipe(gunzip)) {
      const lines = (rest + decoder.decode(chunk as Buffer, { stream: true })).split("\n");
      rest = lines.pop()!;
      yield* lines;
    }
  } catch (error) {
    throw new RecordingError(`${file}: cannot be read: ${(error as Error).message}`);
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}

function parsed(text: string, file: string, line: number): RecordingHeader | RecordedEvent {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as RecordingHeader | RecordedEvent;
  } catch {
    // Said below.
  }
  throw new RecordingError(`${file}:${line}:1: found ${JSON.stringify(text.slice(0, 40))}, expected a recorded event`);
}

function checkHeader(value: RecordingHeader | RecordedEvent, file: string): void {
  const version = isHeader(value) ? value.windtunnelRecording : undefined;
  if (version === undefined) throw new RecordingError(`${file}:1:1: is no recording: the first line has no version`);
  if (version > RECORDING_VERSION) {
    throw new RecordingError(`${file}:1:1: recording of version ${version}, allowed: ${RECORDING_VERSION} and below`);
  }
}
