// Writes the parts of docs/ that are made from the code: `npm run docs`. A test fails when they are out of date.
import { readFileSync, writeFileSync } from "node:fs";
import { docsParts, withParts } from "../packages/cli/src/output/docs-tables.ts";

for (const [file, parts] of Object.entries(docsParts())) {
  const url = new URL(`../docs/${file}`, import.meta.url);
  const before = readFileSync(url, "utf8");
  const after = withParts(before, parts);
  if (after !== before) writeFileSync(url, after);
  process.stderr.write(`${after === before ? "unchanged" : "wrote"} docs/${file}\n`);
}
