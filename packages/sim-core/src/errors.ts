/** A scenario, model or catalogue entry that cannot be used; the message says where, what was found, what is allowed. */
export class ScenarioError extends Error {
  override readonly name = "ScenarioError";
}

/** A trace that cannot be read; the message names file, row, column and value. */
export class TraceError extends Error {
  override readonly name = "TraceError";
}

/** A law of the simulator that did not hold: a defect of ours, never of the input. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/**
 * The candidate most like `name`, or undefined when none is close enough to be what was meant.
 *
 * Damerau–Levenshtein distance (adjacent swaps count once), ignoring case; at most a third of the longer name, or two
 * characters, may differ. Where none is that close, the first that begins with `name`, of three characters and more.
 */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  let longerOne: string | undefined;
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    const longer = Math.max(name.length, candidate.length);
    const allowed = longer < 4 ? 1 : Math.max(2, Math.floor(longer / 3));
    if (distance <= allowed && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
    if (name.length >= 3 && candidate.toLowerCase().startsWith(name.toLowerCase())) longerOne ??= candidate;
  }
  return best ?? longerOne;
}

/** ` (did you mean "x"?)`, or nothing. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const found = nearest(name, candidates);
  return found === undefined ? "" : ` (did you mean "${found}"?)`;
}

function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, beforeLast[j - 2]! + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
