/** A place in a file that a person wrote; lines and columns count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A configuration that cannot be used, or a host or plugin that broke the router's contract. One line of text. */
export class PolicyError extends Error {
  override readonly name = "PolicyError";
  /** Where in the configuration; absent for errors that no line of it causes. */
  readonly position: Position | undefined;
  /** The message without the place. */
  readonly detail: string;

  constructor(detail: string, position?: Position) {
    const oneLine = detail.replace(/\s*[\r\n]+\s*/g, " ");
    super(position === undefined ? oneLine : `${position.file}:${position.line}:${position.column}: ${oneLine}`);
    this.position = position;
    this.detail = oneLine;
  }
}

/** Levenshtein distance, given up (returned as `limit + 1`) when it exceeds `limit`. */
function distance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substitution, previous[j]! + 1, row[j - 1]! + 1));
    }
    previous = row;
  }
  return Math.min(previous[b.length]!, limit + 1);
}

/** The allowed word closest to `found` by edit distance (case ignored) or beginning; undefined when none is near. */
export function nearestMatch(found: string, allowed: Iterable<string>): string | undefined {
  const limit = Math.max(2, Math.floor(Math.min(found.length, 60) / 3));
  const wanted = found.slice(0, 60).toLowerCase();
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const word of allowed) {
    const lower = word.toLowerCase();
    // A word cut short, or with more behind it, is near whatever its length.
    const extended = wanted.length >= 4 && (lower.startsWith(wanted) || wanted.startsWith(lower));
    const d = Math.min(extended ? limit : limit + 1, distance(wanted, lower, limit));
    if (d < bestDistance) {
      best = word;
      bestDistance = d;
    }
  }
  return best;
}

/** ` (did you mean "x"?)`, or the allowed words when none is near and they are few, or nothing. */
export function suggestion(found: string, allowed: readonly string[]): string {
  const near = nearestMatch(found, allowed);
  if (near !== undefined) return ` (did you mean "${near}"?)`;
  return allowed.length > 0 && allowed.length <= 16 ? ` (allowed: ${allowed.join(", ")})` : "";
}

/** A value as it may stand inside a one-line message: short, quoted where it is text. */
export function quoted(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : describe(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "a mapping" : String(value);
}
