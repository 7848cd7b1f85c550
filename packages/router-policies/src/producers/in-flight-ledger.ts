import type { InFlightLoadData } from "../framework/data.ts";
import { grown } from "./block-table.ts";

const FIRST_SLOTS = 32;
const FIRST_ROWS = 256;
const NONE = -1;

/**
 * Who owes what to which endpoint's counters: a row per (ticket, profile), so that each release takes back exactly
 * what its dispatch added. Rows of an endpoint that is gone take back nothing, even where its slot has been reused.
 */
export class InFlightLedger {
  readonly load: InFlightLoadData = { requests: new Int32Array(FIRST_SLOTS), tokens: new Float64Array(FIRST_SLOTS) };
  /** Grows when a slot's endpoint is forgotten. */
  #generation = new Int32Array(FIRST_SLOTS);
  /** By ticket: its first row. */
  #firstRow = new Int32Array(FIRST_ROWS).fill(NONE);
  #slot = new Int32Array(FIRST_ROWS);
  #rowGeneration = new Int32Array(FIRST_ROWS);
  #isPrefill = new Int32Array(FIRST_ROWS);
  /** The next row of the same ticket, or the next free row. */
  #next = new Int32Array(FIRST_ROWS);
  #tokens = new Float64Array(FIRST_ROWS);
  #rows = 0;
  #free = NONE;

  /** Counts one request and its tokens on a slot. */
  add(ticket: number, slot: number, tokens: number, isPrefill: boolean): void {
    if (ticket >= this.#firstRow.length) {
      const length = this.#firstRow.length;
      this.#firstRow = grown(this.#firstRow, Math.max(2 * length, ticket + 1)).fill(NONE, length);
    }
    const row = this.#newRow();
    this.#slot[row] = slot;
    this.#rowGeneration[row] = this.#generation[slot]!;
    this.#isPrefill[row] = isPrefill ? 1 : 0;
    this.#tokens[row] = tokens;
    this.#next[row] = this.#firstRow[ticket]!;
    this.#firstRow[ticket] = row;
    this.load.requests[slot] = this.load.requests[slot]! + 1;
    this.load.tokens[slot] = this.load.tokens[slot]! + tokens;
  }

  /** First chunk: gives back `prefill` rows wholly, and the tokens of the others if `releaseTokens`. */
  started(ticket: number, releaseTokens: boolean): void {
    let before = NONE;
    let row = this.#firstRow[ticket] ?? NONE;
    while (row !== NONE) {
      const next = this.#next[row]!;
      if (this.#isPrefill[row] === 1) {
        if (before === NONE) this.#firstRow[ticket] = next;
        else this.#next[before] = next;
        this.#release(row);
      } else {
        if (releaseTokens) this.#releaseTokens(row);
        before = row;
      }
      row = next;
    }
  }

  /** Gives back what the ticket still holds. */
  ended(ticket: number): void {
    let row = this.#firstRow[ticket] ?? NONE;
    if (row === NONE) return;
    this.#firstRow[ticket] = NONE;
    while (row !== NONE) {
      const next = this.#next[row]!;
      this.#release(row);
      row = next;
    }
  }

  /** The slot's endpoint is gone: its counters are zero from now on, whatever ends later. */
  forget(slot: number): void {
    if (slot >= this.#generation.length) return;
    this.#generation[slot] = this.#generation[slot]! + 1;
    this.load.requests[slot] = 0;
    this.load.tokens[slot] = 0;
  }

  /** Makes room for a slot. */
  ensureSlot(slot: number): void {
    const length = this.#generation.length;
    if (slot < length) return;
    const longer = Math.max(2 * length, slot + 1);
    this.#generation = grown(this.#generation, longer);
    const requests = new Int32Array(longer);
    requests.set(this.load.requests);
    this.load.requests = requests;
    const tokens = new Float64Array(longer);
    tokens.set(this.load.tokens);
    this.load.tokens = tokens;
  }

  #release(row: number): void {
    this.#releaseTokens(row);
    const slot = this.#slot[row]!;
    if (this.#rowGeneration[row] === this.#generation[slot]) this.load.requests[slot] = this.load.requests[slot]! - 1;
    this.#next[row] = this.#free;
    this.#free = row;
  }

  #releaseTokens(row: number): void {
    const slot = this.#slot[row]!;
    if (this.#rowGeneration[row] === this.#generation[slot]) {
      this.load.tokens[slot] = this.load.tokens[slot]! - this.#tokens[row]!;
    }
    this.#tokens[row] = 0;
  }

  #newRow(): number {
    const free = this.#free;
    if (free !== NONE) {
      this.#free = this.#next[free]!;
      return free;
    }
    if (this.#rows === this.#slot.length) this.#growRows();
    return this.#rows++;
  }

  #growRows(): void {
    this.#slot = grown(this.#slot);
    this.#rowGeneration = grown(this.#rowGeneration);
    this.#isPrefill = grown(this.#isPrefill);
    this.#next = grown(this.#next);
    const tokens = new Float64Array(2 * this.#tokens.length);
    tokens.set(this.#tokens);
    this.#tokens = tokens;
  }
}
