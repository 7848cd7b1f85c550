import { pluginTable, presetNames } from "@windtunnel/router-policies";
import { METRICS } from "@windtunnel/sim-core";
import { pluginRows } from "./plugin-table.ts";
import { markdownTable } from "./table.ts";

/** The parts of the documentation that are made from the code, by page and by name of the part. */
export function docsParts(): Readonly<Record<string, Readonly<Record<string, string>>>> {
  const rows = pluginTable();
  const known = rows.filter(({ status }) => status === "known").map(({ type, role }) => [type, role]);
  return {
    "policies.md": {
      presets: `${presetNames.map((name) => `- \`${name}\``).join("\n")}\n`,
      plugins: markdownTable(pluginRows(rows, true)),
      known: markdownTable({ columns: [{ title: "Plugin" }, { title: "role" }], rows: known }),
    },
    "metrics.md": { metrics: metricTable() },
  };
}

function metricTable(): string {
  const titles = ["Metric", "`explain metric`", "unit", "formula", "meaning"];
  return markdownTable({
    columns: titles.map((title) => ({ title })),
    rows: METRICS.map((m) => [m.title, `\`${m.name}\``, m.unit, m.formula, m.description]),
  });
}

/**
 * The page with the text between `<!-- generated: NAME -->` and `<!-- end -->` replaced for every part.
 *
 * @throws TypeError when a part has no place on the page
 */
export function withParts(page: string, parts: Readonly<Record<string, string>>): string {
  let text = page;
  for (const [name, part] of Object.entries(parts)) {
    const pattern = new RegExp(`(<!-- generated: ${name} -->\\n)[^]*?(<!-- end -->)`);
    if (!pattern.test(text)) throw new TypeError(`no place for "${name}": <!-- generated: ${name} --> … <!-- end -->`);
    text = text.replace(pattern, (_, start: string, end: string) => `${start}\n${part}\n${end}`);
  }
  return text;
}
