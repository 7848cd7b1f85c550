import type { TraceError } from "../../errors.ts";
import { badCell, badRecord, type RowPosition } from "../row-position.ts";

const MAX_TOKENS = 2 ** 31 - 1;

/** Parses a record as a JSON object. @throws TraceError */
export function parseRecord(at: RowPosition): JsonRecord {
  let value: unknown;
  try {
    value = JSON.parse(at.text);
  } catch (error) {
    throw badRecord(at, columnIn(error), at.text, "a JSON object");
  }
  return new JsonRecord(at, asObject(value) ?? refuse(at, at.text));
}

/** The object, or undefined for any other JSON value. */
export function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as Record<string, unknown>) : undefined;
}

function refuse(at: RowPosition, found: string): never {
  throw badRecord(at, 1, found, "a JSON object");
}

/** V8 and JavaScriptCore differ in the message; V8 ends it with "position N". */
function columnIn(error: unknown): number {
  const match = /position (\d+)/.exec(error instanceof Error ? error.message : "");
  return match === null ? 1 : Number(match[1]) + 1;
}

/** Fields of one JSON object, each checked when it is asked for. */
export class JsonRecord {
  readonly #at: RowPosition;
  readonly #values: Readonly<Record<string, unknown>>;
  /** Path of the object in the record, for messages: "" or `requests[3].`. */
  readonly #path: string;

  constructor(at: RowPosition, values: Readonly<Record<string, unknown>>, path = "") {
    this.#at = at;
    this.#values = values;
    this.#path = path;
  }

  has(key: string): boolean {
    return this.#values[key] !== undefined && this.#values[key] !== null;
  }

  value(key: string): unknown {
    return Object.hasOwn(this.#values, key) ? this.#values[key] : undefined;
  }

  tokens(key: string): number {
    const value = this.value(key);
    if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_TOKENS) return value;
    throw this.bad(key, `a whole number from 0 to ${MAX_TOKENS}`);
  }

  /** A number that is not negative. */
  decimal(key: string): number {
    const value = this.value(key);
    if (typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER) return value;
    throw this.bad(key, "a number, 0 or more");
  }

  /** As `decimal`; 0 where the key is absent or null. */
  optionalDecimal(key: string): number {
    return this.has(key) ? this.decimal(key) : 0;
  }

  text(key: string): string {
    const value = this.value(key);
    if (typeof value === "string") return value;
    throw this.bad(key, "a string");
  }

  /** A name that some tools write as text and some as a number. */
  name(key: string): string {
    const value = this.value(key);
    if (typeof value === "string" || (typeof value === "number" && Number.isFinite(value))) return String(value);
    throw this.bad(key, "a string or a number");
  }

  hashIds(key: string): readonly number[] {
    const value = this.value(key);
    if (!Array.isArray(value)) throw this.bad(key, "a list of whole numbers");
    for (const id of value as unknown[]) {
      if (typeof id === "number" && Number.isSafeInteger(id) && id >= 0) continue;
      throw badCell(this.#at, this.#path + key, id, "whole numbers from 0 to 2^53 - 1", this.#column(key));
    }
    return value as number[];
  }

  objects(key: string): readonly JsonRecord[] {
    const value = this.value(key);
    if (!Array.isArray(value)) throw this.bad(key, "a list of objects");
    return (value as unknown[]).map((item, index) => {
      const path = `${this.#path}${key}[${index}]`;
      const object = asObject(item);
      if (object === undefined) throw badCell(this.#at, path, item, "an object", this.#column(key));
      return new JsonRecord(this.#at, object, `${path}.`);
    });
  }

  bad(key: string, allowed: string): TraceError {
    return badCell(this.#at, this.#path + key, this.value(key), allowed, this.#column(key));
  }

  #column(key: string): number {
    return Math.max(0, this.#at.text.indexOf(`"${key}"`)) + 1;
  }
}
