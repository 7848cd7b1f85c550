import pc from "picocolors";

/** A cell's text, with how it should stand out. */
export type Cell = string | { readonly text: string; readonly tone: "good" | "bad" | "dim" };

interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}

/** Rows and columns, before they are text, Markdown or CSV. */
export interface Table {
  readonly title?: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
}

const textOf = (cell: Cell) => (typeof cell === "string" ? cell : cell.text);

/** Aligned columns for people; two spaces between them. */
export function textTable(table: Table, colour: boolean): string {
  const c = pc.createColors(colour);
  const paint = (cell: Cell, text: string) => {
    if (typeof cell === "string") return text;
    return cell.tone === "good" ? c.green(text) : cell.tone === "bad" ? c.red(text) : c.dim(text);
  };
  const widths = table.columns.map((column, i) =>
    Math.max(width(column.title), ...table.rows.map((row) => width(textOf(row[i] ?? "")))),
  );
  const pad = (text: string, i: number) => {
    const fill = " ".repeat(Math.max(0, widths[i]! - width(text)));
    if (table.columns[i]!.align === "right") return fill + text;
    return i === widths.length - 1 ? text : text + fill;
  };
  const header = table.columns.map((column, i) => c.bold(pad(column.title, i))).join("  ");
  const rows = table.rows.map((row) =>
    row
      .map((cell, i) => paint(cell, pad(textOf(cell), i)))
      .join("  ")
      .trimEnd(),
  );
  const hasHeader = table.columns.some((column) => column.title !== "");
  return `${[...(table.title ? [c.bold(table.title)] : []), ...(hasHeader ? [header.trimEnd()] : []), ...rows].join("\n")}\n`;
}

/** A Markdown table. */
export function markdownTable(table: Table): string {
  const escapeCell = (text: string) => text.replaceAll("|", "\\|").replaceAll("\n", " ");
  const line = (cells: readonly string[]) => `| ${cells.map(escapeCell).join(" | ")} |`;
  const rule = table.columns.map((column) => (column.align === "right" ? "--:" : "---"));
  const body = table.rows.map((row) => line(row.map(textOf)));
  const title = table.title ? [`**${table.title}**`, ""] : [];
  return `${[...title, line(table.columns.map((column) => column.title)), `| ${rule.join(" | ")} |`, ...body].join("\n")}\n`;
}

/** Columns that a terminal gives to a text. */
function width(text: string): number {
  return [...text].length;
}
