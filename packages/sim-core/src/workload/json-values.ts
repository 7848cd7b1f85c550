/**
 * Cuts text that arrives in chunks into its JSON values: the elements of one top-level array, or values that follow
 * each other with any white space between. Values are found by their brackets; whether they are JSON is the caller's
 * question.
 */
export class JsonValues {
  readonly #onValue: (text: string, line: number, column: number) => void;
  #pending = "";
  #scanned = 0;
  #start = -1;
  #startLine = 1;
  #startColumn = 1;
  #line = 1;
  /** Characters already let go of. */
  #dropped = 0;
  /** Where the line begins in the whole text. */
  #lineStart = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;

  constructor(onValue: (text: string, line: number, column: number) => void) {
    this.#onValue = onValue;
  }

  push(chunk: string): void {
    this.#pending += chunk;
    while (this.#scanned < this.#pending.length) this.#step(this.#pending.charCodeAt(this.#scanned++));
    const keepFrom = this.#start < 0 ? this.#pending.length : this.#start;
    this.#pending = this.#pending.slice(keepFrom);
    this.#scanned -= keepFrom;
    this.#dropped += keepFrom;
    if (this.#start >= 0) this.#start = 0;
  }

  /** Length of the value that has begun and not ended. */
  get pendingCharacters(): number {
    return this.#pending.length;
  }

  /** Hands over what is left, a value without its end. */
  end(): void {
    if (this.#start < 0) return;
    const text = this.#pending.slice(this.#start).trim();
    this.#start = -1;
    this.#onValue(text, this.#startLine, this.#startColumn);
  }

  #step(code: number): void {
    if (code === NEWLINE) {
      this.#line++;
      this.#lineStart = this.#dropped + this.#scanned;
    }
    if (this.#inString) this.#stepInString(code);
    else if (this.#start < 0) {
      if (!BETWEEN_VALUES.has(code)) this.#begin(code);
    } else if (code === QUOTE) this.#inString = true;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) this.#depth++;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) this.#close();
    else if (code === COMMA && this.#depth === 0) this.#emit(this.#scanned - 1);
  }

  #begin(code: number): void {
    this.#start = this.#scanned - 1;
    this.#startLine = this.#line;
    this.#startColumn = this.#dropped + this.#start - this.#lineStart + 1;
    this.#depth = code === OPEN_BRACE ? 1 : 0;
    this.#inString = code === QUOTE;
  }

  #stepInString(code: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (code === BACKSLASH) this.#escaped = true;
    else if (code === QUOTE) this.#inString = false;
  }

  #close(): void {
    if (this.#depth > 0 && --this.#depth > 0) return;
    this.#emit(this.#scanned);
  }

  #emit(end: number): void {
    const text = this.#pending.slice(this.#start, end);
    this.#start = -1;
    this.#onValue(text, this.#startLine, this.#startColumn);
  }
}

const NEWLINE = 10;
const QUOTE = 34;
const COMMA = 44;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
/** White space, and the punctuation of the array around the values. */
const BETWEEN_VALUES: ReadonlySet<number> = new Set([9, NEWLINE, 13, 32, COMMA, OPEN_BRACKET, CLOSE_BRACKET, 0xfeff]);
