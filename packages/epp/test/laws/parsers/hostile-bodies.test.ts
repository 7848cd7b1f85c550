import fc from "fast-check";
import { expect, test } from "vitest";
import { RequestError } from "../../../src/exchange/request-error.ts";
import { goJson } from "../../../src/parsers/go-json.ts";
import { jsonSyntaxFault } from "../../../src/parsers/json-syntax.ts";
import { parserFor } from "../../../src/parsers/parser-for.ts";
import { withModel } from "../../../src/parsers/with-model.ts";
import { DEFAULT_ESTIMATE } from "../../../src/tokens/estimate.ts";
import { TokenMaker } from "../../../src/tokens/request-tokens.ts";

const ALL = ["openai-parser", "anthropic-parser", "vllmhttp-parser", "sglanghttp-parser", "passthrough-parser"];
const PATHS = [
  ...["/v1/completions", "/v1/chat/completions", "/v1/embeddings", "/v1/responses", "/v1/conversations"],
  ...["/v1/images/generations", "/v1/messages", "/inference/v1/generate", "/generate", "/other"],
];
const FIELDS = [
  ...["model", "prompt", "messages", "input", "items", "tools", "system", "token_ids", "input_ids", "role", "content"],
  ...["type", "text", "source", "data", "url", "image_url", "input_audio", "cache_salt", "max_tokens", "name", "id"],
];

/** Bodies that look like those of an API, with values of any kind anywhere. */
const { body } = fc.letrec<{ body: unknown; value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: "small" },
    fc.string({ unit: "binary" }),
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.constantFrom(
      "text",
      "image",
      "image_url",
      "tool_use",
      "tool_result",
      "base64",
      "data:image/png;base64,iVBORw0KGgo",
    ),
    fc.array(tie("value"), { maxLength: 4 }),
    tie("body"),
  ),
  body: fc.dictionary(fc.constantFrom(...FIELDS), tie("value"), { maxKeys: 8 }),
}));

const makers = new TokenMaker(DEFAULT_ESTIMATE, []);

/** Parses as a server would, all the way to keys; anything but a refusal by status 400 is thrown. */
function survive(path: string, bytes: Buffer): void {
  try {
    const parsed = parserFor(ALL, path).parse(bytes, path);
    const tokens = makers.tokens(parsed.prompt?.prompts ?? [], {
      model: parsed.model,
      cacheSalt: parsed.cacheSalt ?? "",
    });
    let blocks = 0;
    for (let prompt = 0; prompt < tokens.promptCount; prompt++) blocks += tokens.keys(64, true, prompt).length;
    expect(blocks).toBeGreaterThanOrEqual(Math.ceil(tokens.promptTokens / 64));
    if (parsed.json !== undefined)
      expect(JSON.parse(Buffer.from(withModel(parsed, bytes, "other")).toString()).model).toBe("other");
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    expect(error.status).toBe(400);
    expect(error.message).not.toBe("");
  }
}

test("any JSON is parsed or refused", () => {
  fc.assert(
    fc.property(fc.constantFrom(...PATHS), body, (path, value) => survive(path, Buffer.from(JSON.stringify(value)))),
    { numRuns: 1500 },
  );
});

test("any bytes are parsed or refused", () => {
  fc.assert(
    fc.property(fc.constantFrom(...PATHS), fc.uint8Array({ maxLength: 60 }), (path, bytes) =>
      survive(path, Buffer.from(bytes)),
    ),
    { numRuns: 1000 },
  );
});

test("JSON that was damaged is refused with a reason, or is JSON still", () => {
  fc.assert(
    fc.property(body, fc.nat(), fc.integer({ min: 0, max: 255 }), (value, at, byte) => {
      const bytes = Buffer.from(JSON.stringify(value));
      bytes[at % bytes.length] = byte;
      let valid = true;
      try {
        JSON.parse(bytes.toString("utf8"));
      } catch {
        valid = false;
      }
      expect(jsonSyntaxFault(bytes) === undefined).toBe(valid);
    }),
    { numRuns: 1500 },
  );
});

test("what Go's writer would write reads back the same", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      // Minus zero too, which Go writes as such and JSON.stringify does not.
      expect(JSON.parse(goJson(value))).toEqual(value);
    }),
  );
});

test.each([
  ["deep arrays", `{"model":"m","prompt":"x","a":${"[".repeat(9000)}${"]".repeat(9000)}}`],
  ["too deep arrays", `{"model":"m","prompt":"x","a":${"[".repeat(500_000)}${"]".repeat(500_000)}}`],
  ["a deep tool", `{"model":"m","messages":[{}],"tools":[${'{"a":'.repeat(9000)}1${"}".repeat(9000)}]}`],
  ["a huge number", `{"model":"m","prompt":"x","a":${"9".repeat(100_000)}}`],
  ["keys of the prototype", '{"model":"m","prompt":"x","__proto__":{"stream":true},"constructor":1}'],
  ["the same key twice", '{"model":"a","model":"m","prompt":"y","prompt":"x"}'],
])("%s", (_, text) => {
  for (const path of PATHS) survive(path, Buffer.from(text));
});
