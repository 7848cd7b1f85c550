import { TraceError } from "../errors.ts";

/** Where a record of a trace stands in its file. */
export interface RowPosition {
  readonly file: string;
  /** Line of the record's first character, from 1. */
  readonly line: number;
  readonly text: string;
}

const SHOWN_CHARACTERS = 60;

/**
 * One line: `file:line:column: name "value" …; allowed: …`.
 *
 * @param column character from 1 in the line; found from the name where the record is JSON
 */
export function badCell(
  at: RowPosition,
  name: string,
  value: unknown,
  allowed: string,
  column = columnOf(at.text, name),
): TraceError {
  return new TraceError(`${at.file}:${at.line}:${column}: ${name}: found ${shown(value)}; allowed: ${allowed}`);
}

/** A record that cannot be taken apart at all. */
export function badRecord(at: RowPosition, column: number, found: string, allowed: string): TraceError {
  return new TraceError(`${at.file}:${at.line}:${column}: found ${shown(found)}; allowed: ${allowed}`);
}

/** A value as one short line. */
export function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value) ?? typeof value;
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`;
}

function columnOf(text: string, name: string): number {
  return Math.max(0, text.indexOf(`"${name}"`)) + 1;
}
