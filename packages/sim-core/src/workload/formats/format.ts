import type { RowPosition } from "../row-position.ts";
import type { TraceRows } from "../trace-rows.ts";

/** The first record of a file: a JSON object, or the cells of a CSV header. */
export type TraceHead =
  | { readonly kind: "json"; readonly record: Readonly<Record<string, unknown>> }
  | { readonly kind: "csv"; readonly header: readonly string[] };

export interface FormatOptions {
  /** Tokens of one hash block; absent = the format's own. */
  readonly blockSizeTokens?: number;
}

/** Reads the records of one file into rows; keeps what must be remembered between records. */
export interface RecordReader {
  /** @throws TraceError when the record is not what the format allows */
  read(at: RowPosition): void;
  /** There are no more records. */
  end?(): void;
}

/** A trace format: how it is recognised and how a record becomes rows. */
export interface TraceFormat {
  readonly name: string;
  /** One sentence: whose it is and what a record holds. */
  readonly summary: string;
  /** What each column or key of the format is used for; any other is not used. */
  readonly columns: Readonly<Record<string, string>>;
  matches(head: TraceHead): boolean;
  /** @throws TraceError when the head lacks a required column */
  open(rows: TraceRows, head: TraceHead, file: string, options: FormatOptions): RecordReader;
}

/** True when the head is a JSON object with all of `keys`. */
export function hasKeys(head: TraceHead, ...keys: string[]): boolean {
  return head.kind === "json" && keys.every((key) => Object.hasOwn(head.record, key));
}

/** True when the head is a CSV header with all of `names`. */
export function hasHeader(head: TraceHead, ...names: string[]): boolean {
  return head.kind === "csv" && names.every((name) => head.header.includes(name));
}
