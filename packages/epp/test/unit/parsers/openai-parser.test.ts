import { describe, expect, test } from "vitest";
import type { ParsedRequest } from "../../../src/parsers/parser.ts";
import { parserFor } from "../../../src/parsers/parser-for.ts";

const ALL = ["openai-parser", "anthropic-parser", "vllmhttp-parser", "sglanghttp-parser"];
const parse = (path: string, body: unknown): ParsedRequest =>
  parserFor(ALL, path).parse(Buffer.from(typeof body === "string" ? body : JSON.stringify(body)), path);
const refusal = (path: string, body: unknown): string => {
  try {
    parse(path, body);
  } catch (error) {
    return (error as { body: string }).body.replace("inference error: BadRequest - ", "");
  }
  return "none";
};
/** The text of each prompt; other parts by kind. */
const texts = ({ prompt }: ParsedRequest): string[] =>
  (prompt?.prompts ?? []).map((one) =>
    one instanceof Uint32Array
      ? `ids ${one.join(" ")}`
      : one.map((part) => (part.kind === "text" ? part.text : `<${part.kind}>`)).join(""),
  );

describe("prompts", () => {
  const COMPLETIONS = "/v1/completions";
  const CHAT = "/v1/chat/completions";
  const user = (content: unknown) => ({ messages: [{ role: "user", content }] });
  const MESSAGES = "/v1/messages";

  test.each<[string, object, string[]]>([
    [COMPLETIONS, { prompt: "a" }, ["a"]],
    [COMPLETIONS, { prompt: ["a", "b"] }, ["a", "b"]],
    [COMPLETIONS, { prompt: [1, 2, 4294967295] }, ["ids 1 2 4294967295"]],
    [CHAT, user("x"), ["userx"]],
    [
      CHAT,
      user([
        { type: "text", text: "a" },
        { type: "other", text: "b" },
        { type: "text", text: "c" },
      ]),
      ["userac"],
    ],
    [CHAT, user([{ type: "image_url", image_url: { url: "u" } }, { type: "video_url" }]), ["user<image><video>"]],
    [CHAT, user([{ type: "input_audio", input_audio: { data: "d", format: "wav" } }]), ["user<audio>"]],
    [CHAT, { messages: [null, {}, { role: "assistant", content: null, name: "n" }] }, ["assistant"]],
    [CHAT, { ...user("x"), tools: [{ b: 1, a: "<" }] }, ['[{"a":"\\u003c","b":1}]userx']],
    [CHAT, { ...user("x"), tools: [], documents: [{}] }, ["userx"]],
    ["/v1/embeddings", { input: "a<" }, ['{"Raw":"a\\u003c","Strings":null,"TokenIDs":null}']],
    ["/v1/embeddings", { input: ["a", "b"] }, ['{"Raw":"","Strings":["a","b"],"TokenIDs":null}']],
    ["/v1/embeddings", { input: [1, 2] }, ["ids 1 2"]],
    ["/v1/responses", { input: { b: 1, a: 2 } }, ['[{"input":{"a":2,"b":1}}]']],
    [
      "/v1/responses",
      { input: "x", tools: [], instructions: "i" },
      ['[{"instructions":"i"},{"tools":[]},{"input":"x"}]'],
    ],
    [
      "/v1/conversations",
      { items: [{ role: "user", content: "x", z: 1 }, {}] },
      ['[{"role":"user","content":"x"},{}]'],
    ],
    ["/v1/images/generations", { prompt: "x" }, []],
    ["/v1/completions/render", { prompt: "a" }, ["a"]],
    ["/v1/chat/completions/render", user("x"), ["userx"]],
    [MESSAGES, { ...user("x"), system: "s" }, ["suserx"]],
    [MESSAGES, { ...user([{ type: "text", text: "x" }]), system: [{ type: "text", text: "s" }] }, ["suserx"]],
    [MESSAGES, user([{ type: "tool_use", id: "i", name: "n", input: { b: "<", a: 1 } }]), ['userin{"b":"<","a":1}']],
    [MESSAGES, user([{ type: "tool_result", tool_use_id: "i", content: [{ type: "text", text: "x" }] }]), ["userx"]],
    [
      MESSAGES,
      user([
        { type: "thinking", thinking: "t" },
        { type: "other", text: "o" },
      ]),
      ["usert"],
    ],
    [MESSAGES, user([{ type: "image", source: { type: "url", url: "u" } }, { type: "image" }]), ["user<image>"]],
    [
      MESSAGES,
      { ...user("x"), tools: [{ type: "t", input_schema: { b: "<", a: 1 }, name: "n" }] },
      ['[{"name":"n","input_schema":{"b":"\\u003c","a":1}}]userx'],
    ],
    ["/inference/v1/generate", { token_ids: [1, 2] }, ["ids 1 2"]],
    ["/generate", { input_ids: [1, 2] }, ["ids 1 2"]],
  ])("%s %o", (path, body, expected) => {
    expect(texts(parse(path, { model: "m", ...body }))).toEqual(expected);
  });
});

describe("facts beside the prompt", () => {
  test("model, streaming, bound on the output, salt", () => {
    const parsed = parse("/v1/chat/completions", {
      model: "m",
      messages: [{ role: "user", content: "x" }],
      stream: true,
      max_tokens: 9,
      max_completion_tokens: 7,
      cache_salt: "s",
    });
    expect(parsed).toMatchObject({ model: "m", stream: true, maxOutputTokens: 7, cacheSalt: "s", modelRequired: true });
  });

  test.each([7.5, "7", -3, null])("a bound of %o is none", (bound) => {
    const parsed = parse("/v1/completions", { model: "m", prompt: "x", max_tokens: bound });
    expect(parsed.maxOutputTokens).toBeUndefined();
  });

  test.each([
    ["/v1/completions", { prompt: "x", max_tokens: 5 }],
    ["/v1/responses", { input: "x", max_output_tokens: 5 }],
    ["/v1/messages", { messages: [{}], max_tokens: 5 }],
    ["/inference/v1/generate", { token_ids: [1], sampling_params: { max_tokens: 5 } }],
    ["/generate", { input_ids: [1], sampling_params: { max_new_tokens: 5 } }],
  ])("where %s has the bound", (path, body) => {
    expect(parse(path, { model: "m", ...body }).maxOutputTokens).toBe(5);
  });

  test("a model that is no text is none", () => {
    expect(parse("/v1/completions", { model: 5, prompt: "x" })).toMatchObject({ model: "", modelRequired: true });
  });

  test("counting tokens looks at nothing", () => {
    expect(parse("/v1/messages/count_tokens", "{")).toMatchObject({ skipResponse: true, modelRequired: false });
  });
});

describe("refusals, worded as upstream's", () => {
  const PROMPT = "invalid completions request: must have prompt field";
  const MESSAGES = "invalid chat completions request: must have valid messages field";
  const CONTENT = "error parsing messages request: anthropic content: must be a string or an array of content blocks";
  const IDS = "invalid generate request: input_ids must be an array of uint32 integers";

  test.each<[string, unknown, string]>([
    ["/v1/completions", "{", "error unmarshaling request bodyMap: unexpected end of JSON input"],
    [
      "/v1/completions",
      "[1]",
      "error unmarshaling request bodyMap: json: cannot unmarshal array into Go value of type map[string]interface {}",
    ],
    [
      "/v1/completions",
      '{"a":[1,-2e999]}',
      "error unmarshaling request bodyMap: json: cannot unmarshal number -2e999 into Go value of type float64",
    ],
    ...[
      "null",
      "{}",
      '{"prompt":""}',
      '{"prompt":[]}',
      '{"prompt":["a",1]}',
      '{"prompt":[1.5]}',
      '{"prompt":[-1]}',
    ].map((body): [string, unknown, string] => ["/v1/completions", body, PROMPT]),
    ["/v1/completions", { prompt: "x", cache_salt: 5 }, PROMPT],
    ...[
      {},
      { messages: [] },
      { messages: "x" },
      { messages: [5] },
      { messages: [{ content: 5 }] },
      { messages: [{ role: 5 }] },
      { messages: [{ content: ["x"] }] },
      { messages: [{ content: [{ type: "image_url", image_url: "u" }] }] },
      { messages: [{}], tools: 5 },
      { messages: [{}], chat_template_kwargs: [] },
    ].map((body): [string, unknown, string] => ["/v1/chat/completions", body, MESSAGES]),
    ["/v1/embeddings", { input: [[1]] }, "invalid embeddings request: must have input field"],
    ["/v1/responses", { input: null }, "invalid responses request: must have input field"],
    ["/v1/conversations", { items: [] }, "invalid conversations request: must have items field"],
    ["/v1/images/generations", {}, "invalid images generations request: must have prompt field"],
    ["/v1/messages", "x", "error unmarshaling request body: invalid character 'x' looking for beginning of value"],
    ["/v1/messages", {}, "invalid messages request: must have at least one message"],
    ["/v1/messages", { messages: [{ content: {} }] }, CONTENT],
    ["/v1/messages", { messages: [{ content: [{ type: 5 }] }] }, CONTENT],
    [
      "/v1/messages",
      { messages: "x" },
      "error parsing messages request: json: cannot unmarshal string into Go struct field MessagesRequest.messages of type []requesthandling.AnthropicMessage",
    ],
    ["/xmessages", {}, "unsupported API endpoint: /xmessages"],
    ["/inference/v1/generate", "{", "unexpected end of JSON input"],
    ["/inference/v1/generate", {}, "invalid generate request: must have non-empty token_ids field"],
    ["/inference/v1/generate", { token_ids: [1, 1.5] }, "invalid generate request: token_ids[1]: invalid value 1.5"],
    [
      "/inference/v1/generate",
      { token_ids: [4294967296] },
      "invalid generate request: token_ids[0]: invalid value 4.294967296e+09",
    ],
    ["/generate", {}, "invalid generate request: input_ids must be provided"],
    ["/generate", { input_ids: [] }, "invalid generate request: input_ids cannot be empty"],
    ["/generate", { input_ids: [-1] }, IDS],
    ["/v1/generate", {}, "unsupported path: /v1/generate"],
    ["/v1/other?a=/v1/completions", {}, "no parser registered matching path suffix for: /v1/other"],
  ])("%s %o", (path, body, expected) => {
    expect(refusal(path, body)).toBe(expected);
  });
});
