import { createWriteStream, type WriteStream } from "node:fs";
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { constants, createGzip, type Gzip } from "node:zlib";
import { segmentFile } from "./recording-line.ts";
import { SegmentFolder, segmentsOf } from "./segment-files.ts";

/** Text that is handed to the compressor at once. */
const CHUNK_CHARACTERS = 64 * 1024;
/** A crash loses at most what came since. */
const FLUSH_EVERY_MS = 500;
/** Blocks of random keys hardly shrink: more effort would buy nothing. */
const GZIP_LEVEL = 3;
const MAX_SEGMENT_BYTES = 64 * 1024 * 1024;
/** Of the folder: how many segments it is meant to hold, so that little goes at a time. */
const SEGMENTS = 8;

export interface SegmentWriterOptions {
  readonly directory: string;
  /** Of all segments in the folder together. */
  readonly maxBytes: number;
  /** What may wait for the disk, and a quarter of the folder at most; beyond, lines are dropped. */
  readonly maxWaitingBytes: number;
  /** First line of the n-th segment: everything up to now. */
  readonly header: (segment: number) => string;
  /** The line that stands where lines were dropped. */
  readonly gap: (lines: number) => string;
  /** Told once: nothing is written from then on. */
  readonly failed: (error: Error) => void;
}

interface OpenSegment {
  readonly file: string;
  readonly gzip: Gzip;
  readonly stream: WriteStream;
  readonly done: Promise<void>;
  /** Compressed. */
  bytes: number;
}

/**
 * Writes lines into compressed segments, each a whole file of its own. Never waits: what the disk cannot take is dropped,
 * and a line says so.
 */
export class SegmentWriter {
  readonly counters = { lines: 0, droppedLines: 0, bytes: 0, segments: 0 };
  readonly #options: SegmentWriterOptions;
  readonly #folder: SegmentFolder;
  readonly #segmentBytes: number;
  readonly #maxWaitingBytes: number;
  readonly #timer: NodeJS.Timeout;
  /** Closed, and not all on disk yet. */
  readonly #finishing = new Set<OpenSegment>();
  #open: OpenSegment | undefined;
  #number = 0;
  #text = "";
  #textLines = 0;
  #unflushed = false;
  #gapLines = 0;
  #over = false;
  #failed = false;
  /** What closed segments still have to do, in order. */
  #closing: Promise<void> = Promise.resolve();

  constructor(options: SegmentWriterOptions) {
    this.#options = options;
    this.#folder = new SegmentFolder(options.directory, options.maxBytes);
    this.#segmentBytes = Math.min(MAX_SEGMENT_BYTES, Math.floor(options.maxBytes / SEGMENTS));
    // So that what is on its way stays within the folder's size too.
    this.#maxWaitingBytes = Math.min(options.maxWaitingBytes, Math.floor(options.maxBytes / 4));
    this.#openNext();
    this.#timer = setInterval(() => this.#flush(), FLUSH_EVERY_MS).unref();
  }

  /** @param line without its end */
  write(line: string): void {
    if (this.#over) return;
    this.#text += line;
    this.#text += "\n";
    this.#textLines++;
    if (this.#text.length >= CHUNK_CHARACTERS) this.#push();
  }

  /** Writes what is left; resolves when it is on disk. */
  async close(): Promise<void> {
    if (!this.#over) this.#push();
    this.#over = true;
    clearInterval(this.#timer);
    this.#finish();
    await this.#closing;
  }

  #flush(): void {
    this.#push();
    if (!this.#unflushed || this.#over) return;
    this.#unflushed = false;
    this.#open?.gzip.flush(constants.Z_SYNC_FLUSH);
  }

  #push(): void {
    const open = this.#open;
    if (open === undefined || this.#textLines === 0 || this.#over) return;
    // Once behind, it first catches up by half: each gap costs a new segment.
    const fits = this.#waitingBytes() <= this.#maxWaitingBytes / (this.#gapLines > 0 ? 2 : 1);
    if (!fits) {
      this.#gapLines += this.#textLines;
      this.counters.droppedLines += this.#textLines;
    } else {
      if (this.#gapLines > 0) open.gzip.write(`${this.#options.gap(this.#gapLines)}\n`);
      open.gzip.write(this.#text);
      this.#unflushed = true;
      this.counters.lines += this.#textLines;
    }
    const afterGap = this.#gapLines > 0 && fits;
    if (afterGap) this.#gapLines = 0;
    this.#text = "";
    this.#textLines = 0;
    // What went past unseen stands in the next segment's first line.
    if (afterGap || open.bytes + open.gzip.writableLength >= this.#segmentBytes) this.#openNext();
  }

  #waitingBytes(): number {
    const segments = this.#open === undefined ? [...this.#finishing] : [this.#open, ...this.#finishing];
    return segments.reduce(
      (sum, { gzip, stream }) => sum + gzip.writableLength + gzip.readableLength + stream.writableLength,
      0,
    );
  }

  #openNext(): void {
    this.#finish();
    // Others may write to the folder too: a successor while this process drains.
    this.#number = Math.max(this.#number, segmentsOf(this.#options.directory).at(-1)?.number ?? 0) + 1;
    const file = segmentFile(this.#number);
    const gzip = createGzip({ level: GZIP_LEVEL });
    const stream = createWriteStream(join(this.#options.directory, `${file}.partial`), { flags: "wx", mode: 0o640 });
    const done = new Promise<void>((resolve) => {
      const failed = (error: Error): void => {
        resolve();
        this.#fail(error);
      };
      gzip.on("error", failed);
      stream.on("error", failed);
      stream.on("finish", resolve);
    });
    const open: OpenSegment = { file, gzip, stream, done, bytes: 0 };
    gzip.on("data", (chunk: Buffer) => {
      open.bytes += chunk.length;
      this.counters.bytes += chunk.length;
    });
    gzip.pipe(stream);
    this.counters.segments++;
    gzip.write(`${this.#options.header(this.counters.segments)}\n`);
    this.#unflushed = true;
    this.#open = open;
  }

  #finish(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    open.gzip.end();
    this.#finishing.add(open);
    this.#closing = this.#closing
      .then(() => open.done)
      .then(() => {
        this.#finishing.delete(open);
        return this.#settle(open.file);
      });
  }

  async #settle(file: string): Promise<void> {
    if (this.#failed) return;
    const { directory } = this.#options;
    try {
      await rename(join(directory, `${file}.partial`), join(directory, file));
      const current = this.#open === undefined ? undefined : `${this.#open.file}.partial`;
      await this.#folder.tidy(current, current === undefined ? 0 : this.#segmentBytes + this.#maxWaitingBytes);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #fail(error: Error): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#over = true;
    this.#open = undefined;
    clearInterval(this.#timer);
    this.#options.failed(error);
  }
}
