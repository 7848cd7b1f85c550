import { didYouMean, TraceError } from "../errors.ts";
import { splitCells } from "./formats/csv.ts";
import type { FormatOptions, RecordReader, TraceFormat, TraceHead } from "./formats/format.ts";
import { traceFormats } from "./formats/index.ts";
import { asObject } from "./formats/json-record.ts";
import { JsonValues } from "./json-values.ts";
import { type RowPosition, shown } from "./row-position.ts";
import { type ColumnUse, TraceRows, type TraceTable } from "./trace-rows.ts";

export interface TraceReaderOptions extends FormatOptions {
  /** Name of the file, for messages. */
  readonly file: string;
  /** Name of the format; absent = found from the first record. */
  readonly format?: string;
}

/** Reads one trace from its text in chunks of any size; only columns are kept. */
export interface TraceReader {
  /** @throws TraceError */
  push(chunk: string): void;
  /** @throws TraceError */
  end(): TraceTable;
}

/** A record longer than this is a broken file, not a record. */
const MAX_RECORD_CHARACTERS = 256 * 1024 * 1024;
/** A JSON text without a line break for so long is one document, not lines. */
const MAX_FIRST_LINE_CHARACTERS = 64 * 1024 * 1024;

/** @throws TraceError when the named format is not known */
export function createTraceReader(options: TraceReaderOptions): TraceReader {
  const records = new RecordSink(options);
  let framing: Framing | undefined;
  let waiting = "";
  const decide = (atEnd: boolean): void => {
    const framed = frame(waiting, atEnd, records);
    if (framed === undefined) return;
    framing = framed;
    framing.push(waiting);
    waiting = "";
  };
  return {
    push(chunk) {
      if (framing !== undefined) return framing.push(chunk);
      waiting += chunk;
      decide(false);
    },
    end() {
      if (framing === undefined) decide(true);
      framing?.end();
      return records.finish();
    },
  };
}

interface Framing {
  push(chunk: string): void;
  end(): void;
}

/** Lines, or JSON values of any layout: the first non-blank line decides. */
function frame(text: string, atEnd: boolean, records: RecordSink): Framing | undefined {
  const start = text.search(/[^\s\uFEFF]/);
  if (start < 0) return atEnd ? new Lines(records) : undefined;
  const first = text[start];
  if (first === "[") return jsonValues(records);
  if (first !== "{") return new Lines(records);
  const end = text.indexOf("\n", start);
  if (end < 0 && !atEnd) return text.length > MAX_FIRST_LINE_CHARACTERS ? jsonValues(records) : undefined;
  return isJson(text.slice(start, end < 0 ? undefined : end)) ? new Lines(records) : jsonValues(records);
}

function jsonValues(records: RecordSink): Framing {
  let line = 1;
  const values = new JsonValues((text, firstLine, column) => {
    line = firstLine;
    records.record(text, firstLine, column);
  });
  return {
    push(chunk) {
      values.push(chunk);
      if (values.pendingCharacters > MAX_RECORD_CHARACTERS) records.refuseLength(line);
    },
    end: () => values.end(),
  };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Lines that end in LF or CRLF; the last may have no end; blank ones are passed over. */
class Lines implements Framing {
  readonly #records: RecordSink;
  #pending = "";
  #line = 0;

  constructor(records: RecordSink) {
    this.#records = records;
  }

  push(chunk: string): void {
    const text = this.#pending + chunk;
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      this.#emit(text.slice(start, end));
      start = end + 1;
    }
    this.#pending = text.slice(start);
    if (this.#pending.length > MAX_RECORD_CHARACTERS) this.#records.refuseLength(this.#line + 1);
  }

  end(): void {
    if (this.#pending !== "") this.#emit(this.#pending);
    this.#pending = "";
  }

  #emit(raw: string): void {
    this.#line++;
    let text = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    if (this.#line === 1 && text.startsWith("\uFEFF")) text = text.slice(1);
    if (text.trim() !== "") this.#records.record(text, this.#line);
  }
}

/** Finds the format with the first record, then hands each record to its reader. */
class RecordSink {
  readonly #options: TraceReaderOptions;
  readonly #rows = new TraceRows();
  readonly #asked: TraceFormat | undefined;
  #format: TraceFormat | undefined;
  #reader: RecordReader | undefined;
  #mapping: readonly ColumnUse[] = [];

  constructor(options: TraceReaderOptions) {
    this.#options = options;
    if (options.format !== undefined) this.#asked = formatNamed(options.format, options.file);
  }

  record(text: string, line: number, column = 1): void {
    const at: RowPosition = { file: this.#options.file, line, column, text };
    if (this.#reader !== undefined) {
      this.#reader.read(at);
      return;
    }
    const head = headOf(text);
    const format = this.#asked ?? traceFormats.find((candidate) => candidate.matches(head)) ?? unknownFormat(at, head);
    this.#format = format;
    this.#mapping = columnUses(format, head);
    this.#reader = format.open(this.#rows, head, at.file, this.#options);
    if (head.kind === "json") this.#reader.read(at);
  }

  refuseLength(line: number): never {
    const file = this.#options.file;
    throw new TraceError(
      `${file}:${line}:1: found a record of over ${MAX_RECORD_CHARACTERS} characters; allowed: fewer`,
    );
  }

  finish(): TraceTable {
    const { file } = this.#options;
    if (this.#format === undefined) throw new TraceError(`${file}:1:1: found an empty file; allowed: a trace`);
    this.#reader?.end?.();
    return this.#rows.finish(file, this.#format.name, this.#mapping);
  }
}

function headOf(text: string): TraceHead {
  try {
    const record = asObject(JSON.parse(text));
    if (record !== undefined) return { kind: "json", record };
  } catch {
    // Not JSON: the first line of a CSV file.
  }
  return { kind: "csv", header: splitCells(text).map((cell) => cell.trim()) };
}

function columnUses(format: TraceFormat, head: TraceHead): readonly ColumnUse[] {
  const columns = head.kind === "json" ? Object.keys(head.record) : head.header;
  return columns.map((column) => ({
    column,
    use: Object.hasOwn(format.columns, column) ? format.columns[column]! : "not used",
  }));
}

/** @throws TraceError with the nearest name */
function formatNamed(name: string, file: string): TraceFormat {
  const names = traceFormats.map((format) => format.name);
  const found = traceFormats.find((format) => format.name === name);
  if (found !== undefined) return found;
  throw new TraceError(
    `${file}: unknown trace format "${name}"${didYouMean(name, names)}; allowed: ${names.join(", ")}`,
  );
}

function unknownFormat(at: RowPosition, head: TraceHead): never {
  const names = traceFormats.map((format) => format.name).join(", ");
  const columns = head.kind === "json" ? Object.keys(head.record) : head.header;
  const known = traceFormats.flatMap((format) => Object.keys(format.columns));
  const hint = columns.filter((column) => !known.includes(column)).map((column) => didYouMean(column, known));
  throw new TraceError(
    `${at.file}:${at.line}:${at.column ?? 1}: found ${shown(at.text)}, which no trace format begins with` +
      `${hint.find((text) => text !== "") ?? ""}; allowed: ${names}`,
  );
}
