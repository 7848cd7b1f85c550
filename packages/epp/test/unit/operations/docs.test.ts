import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROWS } from "./metric-names.ts";

const PATH = join(import.meta.dirname, "../../../../../docs/operations.md");
const MARKS = /<!-- generated: epp-metrics -->\n\n[\s\S]*?\n\n<!-- end -->/;

function metricsMarkdown(): string {
  const rows = ROWS.map(({ name, kind, labels, help, alias }) => {
    const older = alias === undefined ? "" : `\`${alias.name}\``;
    return `| \`${name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(", ")} | ${help} | ${older} |`;
  });
  return ["| Metric | type | labels | meaning | older name |", "| --- | --- | --- | --- | --- |", ...rows].join("\n");
}

test("docs/operations.md has the metrics as they are; WINDTUNNEL_WRITE_DOCS=1 writes them", () => {
  const before = readFileSync(PATH, "utf8");
  const after = before.replace(MARKS, `<!-- generated: epp-metrics -->\n\n${metricsMarkdown()}\n\n<!-- end -->`);
  if (process.env.WINDTUNNEL_WRITE_DOCS === "1") writeFileSync(PATH, after);
  expect(readFileSync(PATH, "utf8")).toBe(after);
  expect(after).toMatch(MARKS);
});
