import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parseModelConfig } from "../../src/run/load-model.ts";

const here = dirname(fileURLToPath(import.meta.url));
const models = join(process.env.WINDTUNNEL_DATA ?? join(here, "..", "..", "..", "..", "..", "shared"), "models");

describe("a config.json as Python writes it", () => {
  test("bare words outside strings are numbers", () => {
    const text = '{"time_step_limit": [0.0, Infinity], "low": -Infinity, "none": NaN, "name": "\\"Infinity\\" NaN"}';
    expect(parseModelConfig(text, "config.json")).toEqual({
      time_step_limit: [0, Number.POSITIVE_INFINITY],
      low: Number.NEGATIVE_INFINITY,
      none: null,
      name: '"Infinity" NaN',
    });
  });

  test.each([
    ['{\n "a": 1,\n b}', "config.json:3:2: is not JSON: "],
    ["", "config.json:1:1: is not JSON: "],
    ["[Infinity]", "config.json:1:1: is not a model's config.json: expected a map"],
    ["Infinityx", "config.json:1:1: is not JSON: "],
    ['{"a": [1, 2,\n  tru, "b"]}', "config.json:2:6: is not JSON: "],
    ['{"a": {', "config.json:1:8: is not JSON: "],
    ['{"a": 1}}', "config.json:1:9: is not JSON: "],
  ])("%j is refused in one line", (text, expected) => {
    expect(() => parseModelConfig(text, "config.json")).toThrow(expected);
  });

  const files = existsSync(models) ? readdirSync(models).filter((name) => name.endsWith("_config.json")) : [];
  test.skipIf(files.length === 0)(`every given one (${files.length || "skipped: WINDTUNNEL_DATA has none"})`, () => {
    for (const name of files)
      expect(parseModelConfig(readFileSync(join(models, name), "utf8"), name)).toBeTypeOf("object");
  });
});
