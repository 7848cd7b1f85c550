import { didYouMean, TraceError } from "../../errors.ts";
import { badCell, badRecord, type RowPosition } from "../row-position.ts";
import type { TraceHead } from "./format.ts";

const MAX_TOKENS = 2 ** 31 - 1;
const WHOLE_NUMBER = /^\d+(\.0*)?$/;
const DECIMAL_NUMBER = /^\d*\.?\d+([eE][-+]?\d+)?$|^\d+\.$/;

/** Cells of a row; the formats here use no quotes. */
export function splitCells(line: string): string[] {
  return line.split(",");
}

/** The cells of one CSV row by column name. */
export class CsvRow {
  readonly #columns: ReadonlyMap<string, number>;
  #at: RowPosition;
  #cells: readonly string[] = [];

  /** @throws TraceError when a required column is not in the header */
  constructor(file: string, head: TraceHead, required: readonly string[]) {
    const header = head.kind === "csv" ? head.header : [];
    this.#columns = new Map(header.map((name, index) => [name, index]));
    this.#at = { file, line: 1, text: "" };
    for (const name of required) {
      if (this.#columns.has(name)) continue;
      const found = header.join(",") || "no CSV header";
      throw new TraceError(`${file}:1:1: no column "${name}" in ${JSON.stringify(found)}${didYouMean(name, header)}`);
    }
  }

  /** Moves to a row. @throws TraceError when it has not as many cells as the header */
  load(at: RowPosition): void {
    this.#at = at;
    this.#cells = splitCells(at.text);
    if (this.#cells.length === this.#columns.size) return;
    const allowed = `${this.#columns.size} cells (${[...this.#columns.keys()].join(",")}), not ${this.#cells.length}`;
    throw badRecord(at, 1, at.text, allowed);
  }

  has(name: string): boolean {
    return this.#columns.has(name);
  }

  text(name: string): string {
    const index = this.#columns.get(name);
    return index === undefined ? "" : this.#cells[index]!.trim();
  }

  tokens(name: string): number {
    const text = this.text(name);
    const value = WHOLE_NUMBER.test(text) ? Number(text) : -1;
    if (value >= 0 && value <= MAX_TOKENS) return value;
    throw this.bad(name, `a whole number from 0 to ${MAX_TOKENS}`);
  }

  /** A number that is not negative. */
  decimal(name: string): number {
    const text = this.text(name);
    const value = DECIMAL_NUMBER.test(text) ? Number(text) : Number.NaN;
    if (value >= 0 && value <= Number.MAX_SAFE_INTEGER) return value;
    throw this.bad(name, "a number, 0 or more");
  }

  bad(name: string, allowed: string): TraceError {
    const index = this.#columns.get(name) ?? 0;
    const column = this.#cells.slice(0, index).reduce((sum, cell) => sum + cell.length + 1, 1);
    return badCell(this.#at, name, this.text(name), allowed, column);
  }
}
