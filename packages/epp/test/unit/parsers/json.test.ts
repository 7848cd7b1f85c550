import { describe, expect, test } from "vitest";
import { goJson } from "../../../src/parsers/go-json.ts";
import { jsonSyntaxFault } from "../../../src/parsers/json-syntax.ts";
import { parserFor } from "../../../src/parsers/parser-for.ts";
import { withModel } from "../../../src/parsers/with-model.ts";

describe("what is wrong, in the words of Go's encoding/json", () => {
  test.each([
    ["}", "invalid character '}' looking for beginning of value"],
    ["{]", "invalid character ']' looking for beginning of object key string"],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b"}', "invalid character '\"' after object key:value pair"],
    ["[1 2]", "invalid character '2' after array element"],
    ["[1,]", "invalid character ']' looking for beginning of value"],
    ["{} x", "invalid character 'x' after top-level value"],
    ["tru}", "invalid character '}' in literal true (expecting 'e')"],
    ["nul", "invalid character ' ' in literal null (expecting 'l')"],
    ["-x", "invalid character 'x' in numeric literal"],
    ["1.x", "invalid character 'x' after decimal point in numeric literal"],
    ["1e+", "invalid character ' ' in exponent of numeric literal"],
    ["01", "invalid character '1' after top-level value"],
    ['"\\x"', "invalid character 'x' in string escape code"],
    ['"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"],
    ['"\n"', "invalid character '\\n' in string literal"],
    ['"\x01"', "invalid character '\\x01' in string literal"],
    ["'", "invalid character '\\'' looking for beginning of value"],
    ["é", "invalid character 'Ã' looking for beginning of value"],
    ["\x7f", "invalid character '\\x7f' looking for beginning of value"],
    ["", "unexpected end of JSON input"],
    ['{"a', "unexpected end of JSON input"],
    ['{"a":', "unexpected end of JSON input"],
    [`${"[".repeat(10_001)}`, "invalid character '[' exceeded max depth"],
  ])("%j", (text, expected) => {
    expect(jsonSyntaxFault(Buffer.from(text))).toBe(expected);
  });

  test("bytes that are no text", () => {
    expect(jsonSyntaxFault(Buffer.of(0x80))).toBe("invalid character '\\u0080' looking for beginning of value");
    expect(jsonSyntaxFault(Buffer.of(0xff))).toBe("invalid character 'ÿ' looking for beginning of value");
  });
});

test("JSON as Go writes it", () => {
  const value = JSON.parse(
    '{"b":-0,"10":1,"9":2,"a":"<>&\u2028\\u0007\\b\\f\\u007f\\ud800","😀":1e21,"\uffff":1e-7,"z":[{},[],null,true]}',
  );
  expect(goJson(value)).toBe(
    '{"10":1,"9":2,"a":"\\u003c\\u003e\\u0026\\u2028\\u0007\\b\\f\u007f\ufffd","b":-0,"z":[{},[],null,true],"\uffff":1e-7,"😀":1e+21}',
  );
});

test("deep JSON costs no stack", () => {
  const depth = 200_000;
  const text = "[".repeat(depth) + "]".repeat(depth);
  expect(goJson(JSON.parse(text))).toBe(text);
});

describe("another model", () => {
  const openai = parserFor(["openai-parser", "passthrough-parser"], "/v1/completions");
  const rewritten = (body: string): string => {
    const bytes = Buffer.from(body);
    return Buffer.from(withModel(openai.parse(bytes, "/v1/completions"), bytes, "N<")).toString();
  };

  test("is written into the body, sorted", () => {
    expect(rewritten('{ "prompt":"x", "model":"m", "b":1.50 }')).toBe('{"b":1.5,"model":"N\\u003c","prompt":"x"}');
    expect(rewritten('{"prompt":"x"}')).toBe('{"model":"N\\u003c","prompt":"x"}');
  });

  test("that is there already leaves the body as it is", () => {
    expect(rewritten('{ "prompt":"x", "model":"N<" }')).toBe('{ "prompt":"x", "model":"N<" }');
  });

  test("leaves a body without JSON as it is", () => {
    const passthrough = parserFor(["passthrough-parser"], "/x");
    const bytes = Buffer.from("abc");
    expect(withModel(passthrough.parse(bytes, "/x"), bytes, "N")).toBe(bytes);
  });
});
