import { goJson } from "./go-json.ts";
import type { ParsedRequest } from "./parser.ts";

/**
 * The body with another model: the very same bytes where it names that one already or has no JSON, else written anew as
 * upstream does, keys sorted.
 */
export function withModel(parsed: ParsedRequest, body: Uint8Array, model: string): Uint8Array {
  if (parsed.json === undefined || parsed.json.model === model) return body;
  return Buffer.from(goJson({ ...parsed.json, model }));
}
