import { nearestMatch, PolicyError } from "@windtunnel/router-policies";
import { anthropicParser } from "./anthropic-parser.ts";
import { openaiParser } from "./openai-parser.ts";
import { badRequest } from "./parsed.ts";
import type { Parser } from "./parser.ts";
import { passthroughParser } from "./passthrough-parser.ts";
import { sglanghttpParser } from "./sglanghttp-parser.ts";
import { vllmhttpParser } from "./vllmhttp-parser.ts";

const PARSERS: readonly Parser[] = [openaiParser, anthropicParser, vllmhttpParser, sglanghttpParser, passthroughParser];

/** Types of llm-d that are not built here, and why. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  "vllmgrpc-parser": "bodies of vLLM's gRPC API are not read yet",
  "vertexai-parser": "bodies of Vertex AI's gRPC API are not read yet",
};

/**
 * The parser with the longest path suffix that fits. One that claims no path is the fallback, and those listed after it
 * are never reached.
 *
 * @param parsers type names in the order configured
 * @throws RequestError 400 where none fits; PolicyError as `checkParsers`
 */
export function parserFor(parsers: readonly string[], path: string): Parser {
  const query = path.indexOf("?");
  const asked = query < 0 ? path : path.slice(0, query);
  const whole = asked.endsWith("/") ? asked.slice(0, -1) : asked;
  let best: Parser | undefined;
  let bestLength = -1;
  for (const type of parsers) {
    const parser = parserOfType(type);
    if (parser.pathSuffixes.length === 0) return best ?? parser;
    for (const suffix of parser.pathSuffixes) {
      if (suffix.length > bestLength && whole.endsWith(suffix)) {
        best = parser;
        bestLength = suffix.length;
      }
    }
  }
  if (best === undefined) throw badRequest(`no parser registered matching path suffix for: ${asked}`);
  return best;
}

/** @throws PolicyError for a type that is unknown or not built */
export function checkParsers(parsers: readonly string[]): void {
  for (const type of parsers) parserOfType(type);
}

function parserOfType(type: string): Parser {
  const parser = PARSERS.find((known) => known.type === type);
  if (parser !== undefined) return parser;
  const allowed = PARSERS.map((known) => known.type);
  const list = `allowed: ${allowed.join(", ")}`;
  const reason = UNSUPPORTED[type];
  if (reason !== undefined) {
    throw new PolicyError(`requestHandler.parsers: "${type}" is not supported (${reason}; ${list})`);
  }
  const nearest = nearestMatch(type, allowed);
  const hint = nearest === undefined ? "" : `did you mean "${nearest}"? `;
  throw new PolicyError(`requestHandler.parsers: unknown parser "${type}" (${hint}${list})`);
}
