import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { docsParts, withParts } from "../../src/output/docs-tables.ts";

test.each(Object.entries(docsParts()))("docs/%s is what the code says (npm run docs)", (file, parts) => {
  const page = readFileSync(new URL(`../../../../docs/${file}`, import.meta.url), "utf8");
  expect(page).toBe(withParts(page, parts));
});

test("a part without a place is an error, not a page without it", () => {
  expect(() => withParts("# Page\n", { plugins: "x" })).toThrow('no place for "plugins"');
});
