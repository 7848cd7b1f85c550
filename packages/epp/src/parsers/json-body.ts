import { bufferOf } from "../wire/buffer-of.ts";
import { jsonSyntaxFault, MAX_DEPTH } from "./json-syntax.ts";

/** Reading a body again to say what is wrong with it costs much more than `JSON.parse`: a longer one is only refused. */
const MAX_EXPLAINED_BYTES = 1 << 20;

/** A JSON object. */
export type Json = Readonly<Record<string, unknown>>;

/** Why a body is not a JSON object, in the words of Go's encoding/json. */
export class JsonFault extends Error {
  override readonly name = "JsonFault";
}

/**
 * The JSON object of a body; `null` gives an empty one, as upstream has it.
 *
 * @throws JsonFault
 */
export function jsonObject(body: Uint8Array): Json {
  const bytes = bufferOf(body);
  const value = parsed(bytes);
  if (value === null) return {};
  // V8 reads two things that Go does not: any depth, and numbers beyond a float64 (as Infinity).
  const fault = typeof value === "object" ? boundsFault(value) : undefined;
  if (fault === "depth") throw new JsonFault(syntaxFault(bytes));
  if (typeof value !== "object" || Array.isArray(value)) {
    throw new JsonFault(`json: cannot unmarshal ${goKind(value)} into Go value of type map[string]interface {}`);
  }
  if (fault === "number") {
    throw new JsonFault(`json: cannot unmarshal number ${hugeNumber(bytes)} into Go value of type float64`);
  }
  return value as Json;
}

/** The JSON of a response or an event; undefined where it is none. */
export function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The word of Go's encoding/json for a kind of value. */
export function goKind(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  return value === null ? "null" : typeof value;
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    throw new JsonFault(syntaxFault(bytes));
  }
}

function syntaxFault(bytes: Buffer): string {
  return (bytes.length <= MAX_EXPLAINED_BYTES ? jsonSyntaxFault(bytes) : undefined) ?? "invalid JSON";
}

/** Whether something nests too deep or is a number beyond float64. */
function boundsFault(root: object): "depth" | "number" | undefined {
  let level: object[] = [root];
  let depth = 1;
  while (level.length > 0) {
    if (depth > MAX_DEPTH) return "depth";
    const below: object[] = [];
    for (const container of level) {
      const values: readonly unknown[] = Array.isArray(container) ? container : Object.values(container);
      for (let i = 0; i < values.length; i++) {
        const value = values[i];
        if (typeof value === "number") {
          if (value > Number.MAX_VALUE || value < -Number.MAX_VALUE) return "number";
        } else if (typeof value === "object" && value !== null) below.push(value);
      }
    }
    level = below;
    depth++;
  }
  return undefined;
}

/** The first number in the text that is beyond float64. */
function hugeNumber(bytes: Buffer): string {
  const outsideStrings = /"(?:[^"\\]|\\.)*"|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/gs;
  for (const [, number] of bytes.toString("latin1").matchAll(outsideStrings)) {
    if (number !== undefined && !Number.isFinite(Number(number))) return number;
  }
  return "";
}
