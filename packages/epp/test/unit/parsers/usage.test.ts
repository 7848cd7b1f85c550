import { expect, test } from "vitest";
import { parserFor } from "../../../src/parsers/parser-for.ts";

const ALL = ["openai-parser", "anthropic-parser", "vllmhttp-parser", "passthrough-parser"];
const openai = parserFor(ALL, "/v1/completions");
const anthropic = parserFor(ALL, "/v1/messages");

test.each<[object | string, object | undefined]>([
  [
    { usage: { prompt_tokens: 7, completion_tokens: 10, prompt_tokens_details: { cached_tokens: 3 } } },
    { promptTokens: 7, outputTokens: 10, cachedTokens: 3 },
  ],
  [
    { usage: { input_tokens: 7, output_tokens: 2, input_tokens_details: { cached_tokens: 4 } } },
    { promptTokens: 7, outputTokens: 2, cachedTokens: 4 },
  ],
  [{ usage: { prompt_tokens: 7 } }, { promptTokens: 7, outputTokens: 0 }],
  [{ usage: { prompt_tokens: "7", completion_tokens: -1 } }, { promptTokens: 7, outputTokens: 0 }],
  [{ usage: null }, undefined],
  ["no JSON", undefined],
  ["[]", undefined],
])("of an OpenAI response %o", (body, expected) => {
  const bytes = Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  expect(openai.usageOfResponse(bytes)).toEqual(expected);
});

test.each<[object | string, object | undefined]>([
  [
    { choices: [], usage: { prompt_tokens: 7, completion_tokens: 10 } },
    { promptTokens: 7, outputTokens: 10 },
  ],
  [
    { type: "response.completed", response: { usage: { input_tokens: 7, output_tokens: 2 } } },
    { promptTokens: 7, outputTokens: 2 },
  ],
  [{ type: "response.created", response: { usage: { input_tokens: 7, output_tokens: 2 } } }, undefined],
  [{ choices: [], usage: null }, undefined],
  ["[DONE]", undefined],
  ['{"usage"', undefined],
])("of an OpenAI event %o", (event, expected) => {
  expect(openai.usageOfEvent(typeof event === "string" ? event : JSON.stringify(event), undefined)).toEqual(expected);
});

test("of an Anthropic message", () => {
  const body = { usage: { input_tokens: 7, output_tokens: 2, cache_read_input_tokens: 5 } };
  const usage = { promptTokens: 7, outputTokens: 2, cachedTokens: 5 };
  expect(anthropic.usageOfResponse(Buffer.from(JSON.stringify(body)))).toEqual(usage);
});

test("of Anthropic events: the input from the first, the output from the last", () => {
  const start = anthropic.usageOfEvent(
    '{"type":"message_start","message":{"usage":{"input_tokens":7,"output_tokens":1,"cache_read_input_tokens":5}}}',
    undefined,
  );
  expect(start).toEqual({ promptTokens: 7, outputTokens: 1, cachedTokens: 5 });
  const end = '{"type":"message_delta","usage":{"input_tokens":9,"output_tokens":22}}';
  expect(anthropic.usageOfEvent(end, start)).toEqual({ promptTokens: 7, outputTokens: 22, cachedTokens: 5 });
  expect(anthropic.usageOfEvent('{"type":"ping","usage":{}}', start)).toBeUndefined();
});
