import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { sampleReadme, sampleTraces } from "../../../../../scripts/samples/sample-traces.ts";

const folder = new URL("../../../../../traces/", import.meta.url);

describe.each(sampleTraces)("$file", ({ file, make, comparison }) => {
  test("is what its model makes, byte for byte", () => {
    expect(make() === readFileSync(new URL(file, folder), "utf8")).toBe(true);
  });

  test.each(comparison())("resembles the real trace in $measure", ({ real, sample, factor }) => {
    expect(sample).toBeGreaterThanOrEqual(real / factor);
    expect(sample).toBeLessThanOrEqual(real * factor);
  });
});

test("the README's tables are those of the samples", () => {
  const readme = readFileSync(new URL("README.md", folder), "utf8");
  expect(sampleReadme(readme)).toBe(readme);
});

test("the Mooncake-like ids are chained: a block always follows the same blocks, and none is missing", () => {
  const before = new Map<number, string>();
  const rows = readFileSync(new URL("mooncake-like.jsonl", folder), "utf8").trim().split("\n");
  for (const line of rows) {
    const { input_length, hash_ids } = JSON.parse(line) as { input_length: number; hash_ids: number[] };
    expect(hash_ids.length).toBe(Math.ceil(input_length / 512));
    for (let block = 0; block < hash_ids.length; block++) {
      const chain = hash_ids.slice(0, block).join(",");
      expect(before.get(hash_ids[block]!) ?? chain).toBe(chain);
      before.set(hash_ids[block]!, chain);
    }
  }
});
