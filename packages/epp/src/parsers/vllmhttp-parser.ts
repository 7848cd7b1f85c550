import { isObject, type Json } from "./json-body.ts";
import { badRequest, maxOutputTokens, objectOf, parsedJson, tokenIds, wrongKind } from "./parsed.ts";
import type { ParsedRequest, Parser } from "./parser.ts";
import { openaiEventUsage, openaiResponseUsage } from "./usage.ts";

const GENERATE = "inference/v1/generate";
/** The type that upstream names when `features` is none. */
const FEATURES =
  'struct { MMHashes map[string][]string "json:\\"mm_hashes\\""; MMPlaceholders map[string][]requesthandling.wirePlaceholder "json:\\"mm_placeholders\\"" }';

/** Bodies of vLLM's own generate API: token ids. */
export const vllmhttpParser: Parser = {
  type: "vllmhttp-parser",
  pathSuffixes: [GENERATE],
  parse(body, path): ParsedRequest {
    if (!path.endsWith(GENERATE)) throw badRequest(`unsupported path: ${path}`);
    const json = objectOf(body, (fault) => fault);
    const prompt = { prompts: [idsOf(json)] };
    return parsedJson(json, { prompt, ...maxOutputTokens(samplingField(json, "max_tokens")) });
  },
  usageOfResponse: openaiResponseUsage,
  usageOfEvent: openaiEventUsage,
};

/** A field of `sampling_params`. */
export function samplingField(json: Json, name: string): unknown {
  return isObject(json.sampling_params) ? json.sampling_params[name] : undefined;
}

function idsOf({ token_ids: values, cache_salt: cacheSalt, features }: Json): Uint32Array {
  if (values !== undefined && values !== null && !Array.isArray(values))
    throw refusedKind(values, ".token_ids", "[]float64");
  const given = values ?? [];
  for (const value of given) {
    if (typeof (value ?? 0) !== "number") throw refusedKind(value, ".token_ids", "float64");
  }
  if (typeof (cacheSalt ?? "") !== "string") throw refusedKind(cacheSalt, ".cache_salt", "string");
  if (features !== undefined && features !== null && !isObject(features))
    throw refusedKind(features, ".features", FEATURES);
  if (given.length === 0) throw badRequest("invalid generate request: must have non-empty token_ids field");
  const ids = tokenIds(given);
  if (ids !== undefined) return ids;
  const wrong = given.findIndex((value) => ((value ?? 0) as number) >>> 0 !== (value ?? 0));
  throw badRequest(`invalid generate request: token_ids[${wrong}]: invalid value ${goFloat(given[wrong] as number)}`);
}

function refusedKind(value: unknown, field: string, type: string): Error {
  return badRequest(`invalid generate request: ${wrongKind(value, field, type)}`);
}

/** As Go's `%v` prints a float64: shortest digits, with an exponent from a million on or below 1e-4. */
function goFloat(value: number): string {
  const [digits, exponent] = value.toExponential().split("e") as [string, string];
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(value);
  return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}
