import { expect, test } from "vitest";
import { checkParsers, parserFor } from "../../../src/parsers/parser-for.ts";

const DEFAULT = ["openai-parser", "anthropic-parser", "vllmhttp-parser", "passthrough-parser"];

test.each([
  ["/v1/completions", "openai-parser"],
  ["/prefix/v1/completions/", "openai-parser"],
  ["/v1/completions?a=/v1/messages", "openai-parser"],
  ["/v1/messages", "anthropic-parser"],
  ["/v1/messages/count_tokens", "anthropic-parser"],
  ["/inference/v1/generate", "vllmhttp-parser"],
  ["/generate", "passthrough-parser"],
  ["/v1/completions//", "passthrough-parser"],
  ["/v1/COMPLETIONS", "passthrough-parser"],
  ["/v1/messages/render", "passthrough-parser"],
])("%s -> %s", (path, type) => {
  expect(parserFor(DEFAULT, path).type).toBe(type);
});

test("the longest suffix wins, in whatever order", () => {
  for (const parsers of [
    ["sglanghttp-parser", "vllmhttp-parser"],
    ["vllmhttp-parser", "sglanghttp-parser"],
  ]) {
    expect(parserFor(parsers, "/inference/v1/generate").type).toBe("vllmhttp-parser");
    expect(parserFor(parsers, "/generate").type).toBe("sglanghttp-parser");
  }
});

test("a fallback ends the list", () => {
  const parsers = ["openai-parser", "passthrough-parser", "anthropic-parser"];
  expect(parserFor(parsers, "/v1/messages").type).toBe("passthrough-parser");
});

test.each([
  ["openai-parsr", 'unknown parser "openai-parsr" (did you mean "openai-parser"?'],
  ["vllmgrpc-parser", '"vllmgrpc-parser" is not supported'],
  ["vertexai-parser", '"vertexai-parser" is not supported'],
])("%s is refused", (type, expected) => {
  expect(() => checkParsers(["openai-parser", type])).toThrow(expected);
});
