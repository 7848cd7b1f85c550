import type { Usage } from "../host/flight.ts";
import { isObject, jsonOrUndefined } from "./json-body.ts";

const decoder = new TextDecoder();

/** The `usage` of an OpenAI response: that of completions, or that of the responses API. */
export function openaiResponseUsage(body: Uint8Array): Usage | undefined {
  const json = jsonOrUndefined(decoder.decode(body));
  return isObject(json) ? openaiUsage(json.usage) : undefined;
}

/** The `usage` of a completions chunk, or of the responses API's last event. */
export function openaiEventUsage(data: string): Usage | undefined {
  // Nearly no event has one: parsing them all would cost more than the rest of a stream's work.
  if (!data.includes('"usage"')) return undefined;
  const json = jsonOrUndefined(data);
  if (!isObject(json)) return undefined;
  const response = json.type === "response.completed" && isObject(json.response) ? json.response.usage : undefined;
  return openaiUsage(response) ?? openaiUsage(json.usage);
}

/** The `usage` of an Anthropic message. */
export function anthropicResponseUsage(body: Uint8Array): Usage | undefined {
  const json = jsonOrUndefined(decoder.decode(body));
  return isObject(json) ? anthropicUsage(json.usage, undefined) : undefined;
}

/** What `message_start` says of the input and `message_delta` of the output. */
export function anthropicEventUsage(data: string, before: Usage | undefined): Usage | undefined {
  if (!data.includes('"usage"')) return undefined;
  const json = jsonOrUndefined(data);
  if (!isObject(json)) return undefined;
  if (json.type === "message_start") return anthropicUsage(isObject(json.message) && json.message.usage, before);
  return json.type === "message_delta" ? anthropicUsage(json.usage, before) : undefined;
}

function openaiUsage(usage: unknown): Usage | undefined {
  if (!isObject(usage)) return undefined;
  const details = [usage.prompt_tokens_details, usage.input_tokens_details].find(isObject);
  const cachedTokens = count(details?.cached_tokens);
  return {
    promptTokens: count(usage.prompt_tokens) ?? count(usage.input_tokens) ?? 0,
    outputTokens: count(usage.completion_tokens) ?? count(usage.output_tokens) ?? 0,
    ...(cachedTokens === undefined ? {} : { cachedTokens }),
  };
}

function anthropicUsage(usage: unknown, before: Usage | undefined): Usage | undefined {
  if (!isObject(usage)) return undefined;
  const cachedTokens = before?.cachedTokens ?? count(usage.cache_read_input_tokens);
  return {
    promptTokens: before?.promptTokens ?? count(usage.input_tokens) ?? 0,
    outputTokens: count(usage.output_tokens) ?? before?.outputTokens ?? 0,
    ...(cachedTokens === undefined ? {} : { cachedTokens }),
  };
}

/** A number of tokens, where a server sends one. */
function count(value: unknown): number | undefined {
  const number = typeof value === "string" ? Number.parseInt(value, 10) : value;
  return typeof number === "number" && number >= 0 && Number.isFinite(number) ? Math.trunc(number) : undefined;
}
