import { TraceError } from "../errors.ts";

/** Where a record of a trace stands in its file. */
export interface RowPosition {
  readonly file: string;
  /** Line of the record's first character, from 1. */
  readonly line: number;
  /** Column of that character, from 1; absent = 1. */
  readonly column?: number;
  readonly text: string;
}

const SHOWN_CHARACTERS = 60;

/**
 * One line: `file:line:column: name "value" …; allowed: …`.
 *
 * @param character of the value, from 1 in the record's text; found from the name where the record is JSON
 */
export function badCell(
  at: RowPosition,
  name: string,
  value: unknown,
  allowed: string,
  character = characterOf(at.text, name),
): TraceError {
  return new TraceError(`${placeOf(at, character)}: ${name}: found ${shown(value)}; allowed: ${allowed}`);
}

/** A record that cannot be taken apart at all. */
export function badRecord(at: RowPosition, character: number, found: string, allowed: string): TraceError {
  return new TraceError(`${placeOf(at, character)}: found ${shown(found)}; allowed: ${allowed}`);
}

/** A value as one short line. */
export function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value) ?? typeof value;
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}…`;
}

/** A record may begin within a line and go over several. */
function placeOf(at: RowPosition, character: number): string {
  const before = at.text.slice(0, character - 1);
  const lineStart = before.lastIndexOf("\n") + 1;
  const line = at.line + (lineStart === 0 ? 0 : before.split("\n").length - 1);
  const column = character - lineStart + (lineStart === 0 ? (at.column ?? 1) - 1 : 0);
  return `${at.file}:${line}:${column}`;
}

function characterOf(text: string, name: string): number {
  return Math.max(0, text.indexOf(`"${name}"`)) + 1;
}
