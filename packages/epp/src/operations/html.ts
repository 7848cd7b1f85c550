/** Text that is safe inside HTML. */
export interface Html {
  readonly html: string;
}

type Part = Html | string | number | undefined | readonly Html[];

/** A template whose values are escaped, unless they are HTML themselves. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Html {
  let result = texts[0]!;
  for (const [index, part] of parts.entries()) result += rendered(part) + texts[index + 1]!;
  return { html: result };
}

function rendered(part: Part): string {
  if (part === undefined) return "";
  if (typeof part === "string" || typeof part === "number") return escaped(String(part));
  return "html" in part ? part.html : part.map((one) => one.html).join("");
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

const STYLE = `
:root { color-scheme: light dark; font: 14px/1.5 system-ui, sans-serif }
body { margin: 1rem auto; max-width: 76rem; padding: 0 1rem }
nav a { margin-right: 1rem }
h1 { font-size: 1.3rem } h2 { font-size: 1.05rem; margin-top: 1.5rem }
table { border-collapse: collapse; margin: .5rem 0 }
th, td { border: 1px solid #8886; padding: .2rem .6rem; text-align: left; vertical-align: top }
td.n { text-align: right; font-variant-numeric: tabular-nums }
tr.picked { background: #2a82 ; font-weight: 600 }
tr.dropped { opacity: .6 }
code, pre { font-family: ui-monospace, monospace; white-space: pre-wrap }
`;

export function page(title: string, body: Html): string {
  const nav = html`<nav><a href="/debug">Index</a><a href="/debug/decisions">Decisions</a><a href="/debug/endpoints">Endpoints</a><a href="/debug/config">Configuration</a></nav>`;
  const head = html`<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title>`;
  return `${head.html}<style>${STYLE}</style>${nav.html}${html`<h1>${title}</h1>`.html}${body.html}</html>\n`;
}

/** A table; numbers to the right. */
export function table(
  head: readonly string[],
  rows: readonly (readonly (string | number | Html | undefined)[])[],
): Html {
  const cells = rows.map((row) => html`<tr>${row.map(cell)}</tr>`);
  return html`<table><thead><tr>${head.map((name) => html`<th>${name}</th>`)}</tr></thead><tbody>${cells}</tbody></table>`;
}

export function cell(value: string | number | Html | undefined): Html {
  return typeof value === "number" ? html`<td class="n">${value}</td>` : html`<td>${value}</td>`;
}
