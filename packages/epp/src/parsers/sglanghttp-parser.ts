import type { Json } from "./json-body.ts";
import { badRequest, booleanOrNone, maxOutputTokens, objectOf, stringOrNone, tokenIds, wrongKind } from "./parsed.ts";
import type { ParsedRequest, Parser } from "./parser.ts";
import { openaiEventUsage, openaiResponseUsage } from "./usage.ts";
import { samplingField } from "./vllmhttp-parser.ts";

const GENERATE = "generate";
const WIRE = "sgLangGenerateWire";

/** Bodies of SGLang's own generate API: token ids, and no model. */
export const sglanghttpParser: Parser = {
  type: "sglanghttp-parser",
  pathSuffixes: [GENERATE],
  parse(body, path): ParsedRequest {
    const whole = path.endsWith("/") ? path.slice(0, -1) : path;
    if (whole !== `/${GENERATE}`) throw badRequest(`unsupported path: ${path}`);
    const json = objectOf(
      body,
      (fault) => `invalid generate request: ${fault.replace("map[string]interface {}", `sglanghttp.${WIRE}`)}`,
    );
    const { stream, extra_key: extraKey } = json;
    if (!booleanOrNone(stream)) {
      throw badRequest(`invalid generate request: ${wrongKind(stream, `${WIRE}.stream`, "bool")}`);
    }
    const prompts = [idsOf(json)];
    if (!stringOrNone(extraKey)) throw badRequest("unsupported generate request: extra_key must be a string");
    return {
      model: "",
      modelRequired: false,
      stream: stream === true,
      prompt: { prompts },
      skipResponse: false,
      // Nothing rewrites it: the body names no model.
      json: undefined,
      ...(extraKey ? { cacheSalt: extraKey as string } : {}),
      ...maxOutputTokens(samplingField(json, "max_new_tokens")),
    };
  },
  usageOfResponse: openaiResponseUsage,
  usageOfEvent: openaiEventUsage,
};

function idsOf({ input_ids: values }: Json): Uint32Array {
  if (values === undefined || values === null) {
    throw badRequest("invalid generate request: input_ids must be provided");
  }
  const ids = Array.isArray(values) ? tokenIds(values) : undefined;
  if (ids === undefined) throw badRequest("invalid generate request: input_ids must be an array of uint32 integers");
  if (ids.length === 0) throw badRequest("invalid generate request: input_ids cannot be empty");
  return ids;
}
