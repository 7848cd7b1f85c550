/** Text that `JSON.stringify` writes otherwise than Go's encoding/json does. */
const OTHERWISE = /[<>&\u2028\u2029]/;
const OTHERWISE_ALL = /[<>&\u2028\u2029]/g;
const LONE_SURROGATE = /\p{Surrogate}/gu;
const SURROGATE = /[\ud800-\udfff]/;

/** A container that is being written, and how far. */
interface Frame {
  readonly value: readonly unknown[] | Readonly<Record<string, unknown>>;
  /** Sorted; undefined for an array. */
  readonly keys: readonly string[] | undefined;
  next: number;
}

/**
 * Writes parsed JSON as Go's encoding/json writes it: keys sorted by their bytes, no spaces, `<`, `>`, `&`, U+2028 and
 * U+2029 escaped, lone surrogates replaced. Depth costs no stack.
 */
export function goJson(value: unknown): string {
  let text = "";
  const stack: Frame[] = [];
  let current = value;
  for (;;) {
    if (typeof current === "object" && current !== null) {
      const frame = frameOf(current);
      stack.push(frame);
      text += frame.keys === undefined ? "[" : "{";
    } else {
      text += goScalar(current);
    }
    let frame = stack.at(-1);
    while (frame !== undefined && frame.next === lengthOf(frame)) {
      text += frame.keys === undefined ? "]" : "}";
      stack.pop();
      frame = stack.at(-1);
    }
    if (frame === undefined) return text;
    if (frame.next > 0) text += ",";
    if (frame.keys === undefined) {
      current = (frame.value as readonly unknown[])[frame.next];
    } else {
      const key = frame.keys[frame.next]!;
      text += `${goString(key)}:`;
      current = (frame.value as Readonly<Record<string, unknown>>)[key];
    }
    frame.next++;
  }
}

/** A string as Go's encoding/json writes it. */
export function goString(value: string): string {
  // A lone surrogate is what JSON.stringify escapes; Go has read it as U+FFFD.
  const text = JSON.stringify(value.replace(LONE_SURROGATE, "\ufffd"));
  return goEscaped(text);
}

/** Parsed JSON in its own order, without spaces; sorted where it nests deeper than the platform writes. */
export function compactJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return goJson(value);
  }
}

/** JSON text with the characters escaped that Go's encoding/json escapes besides. */
export function goEscaped(json: string): string {
  return OTHERWISE.test(json) ? json.replace(OTHERWISE_ALL, escaped) : json;
}

function goScalar(value: unknown): string {
  if (typeof value === "string") return goString(value);
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  return typeof value === "boolean" ? String(value) : "null";
}

function frameOf(value: object): Frame {
  if (Array.isArray(value)) return { value, keys: undefined, next: 0 };
  const keys = Object.keys(value).sort();
  // UTF-16 order differs from that of bytes only where there are surrogates.
  if (keys.some((key) => SURROGATE.test(key))) keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return { value: value as Readonly<Record<string, unknown>>, keys, next: 0 };
}

function lengthOf({ value, keys }: Frame): number {
  return keys === undefined ? (value as readonly unknown[]).length : keys.length;
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
