import { RequestError } from "../exchange/request-error.ts";
import { goKind, type Json, JsonFault, jsonObject } from "./json-body.ts";
import type { ParsedRequest, PromptPart } from "./parser.ts";

/** A refusal of a body. */
export function badRequest(message: string): RequestError {
  return new RequestError(400, message);
}

/** The JSON object of a body. @param words those of the refusal, around what is wrong with the JSON */
export function objectOf(body: Uint8Array, words: (fault: string) => string): Json {
  try {
    return jsonObject(body);
  } catch (error) {
    throw error instanceof JsonFault ? badRequest(words(error.message)) : error;
  }
}

/** What Go's encoding/json says of a value that its field does not take: upstream answers with it. */
export function wrongKind(value: unknown, field: string, type: string): string {
  return `json: cannot unmarshal ${goKind(value)} into Go struct field ${field} of type ${type}`;
}

/** What all JSON APIs have in common; the model is required. */
export function parsedJson(json: Json, more: Partial<ParsedRequest>): ParsedRequest {
  return {
    model: typeof json.model === "string" ? json.model : "",
    modelRequired: true,
    stream: json.stream === true,
    prompt: undefined,
    skipResponse: false,
    json,
    ...(typeof json.cache_salt === "string" && json.cache_salt !== "" ? { cacheSalt: json.cache_salt } : {}),
    ...more,
  };
}

/** A bound on the output tokens, as `ParsedRequest` has it; nothing where the value is none. */
export function maxOutputTokens(...values: readonly unknown[]): { maxOutputTokens?: number } {
  const bound = values.find((value) => Number.isInteger(value) && (value as number) >= 0);
  return bound === undefined ? {} : { maxOutputTokens: bound as number };
}

/** A piece of text of a prompt. */
export function text(value: string): PromptPart {
  return { kind: "text", text: value };
}

/** The ids, where every item is a uint32 (`null` counts as 0, as upstream has it). */
export function tokenIds(values: readonly unknown[]): Uint32Array | undefined {
  const ids = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    ids[i] = value as number;
    if (ids[i] !== value) return undefined;
  }
  return ids;
}

/** Whether a value is absent (or `null`) or a string. */
export function stringOrNone(value: unknown): boolean {
  return value === undefined || value === null || typeof value === "string";
}

export function booleanOrNone(value: unknown): boolean {
  return value === undefined || value === null || typeof value === "boolean";
}
