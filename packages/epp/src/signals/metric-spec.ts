/** Names one series, or several alike, of a metrics page: a family, and labels that the series must carry. */
export interface MetricSpec {
  readonly name: string;
  readonly labels: readonly { readonly name: string; readonly value: string }[];
}

/** A specification that is none; the message says what is wrong and what is allowed, without a place. */
export class MetricSpecError extends Error {
  override readonly name = "MetricSpecError";
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^",}\s~]+))\s*(?:,|$)/y;

/**
 * Reads `name{label=value,…}`; values may stand in double quotes. Empty text = switched off.
 *
 * @throws MetricSpecError
 */
export function parseMetricSpec(text: string): MetricSpec | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  const brace = trimmed.indexOf("{");
  const name = (brace < 0 ? trimmed : trimmed.slice(0, brace)).trim();
  if (!NAME.test(name)) throw broken(text, `${JSON.stringify(name)} is no metric name`);
  if (brace < 0) return { name, labels: [] };
  if (!trimmed.endsWith("}")) throw broken(text, "no closing brace at its end");
  return { name, labels: parseLabels(trimmed.slice(brace + 1, -1), text) };
}

function parseLabels(inside: string, text: string): MetricSpec["labels"] {
  const labels: { name: string; value: string }[] = [];
  for (let at = 0; inside.slice(at).trim() !== ""; at = LABEL.lastIndex) {
    LABEL.lastIndex = at;
    const match = LABEL.exec(inside);
    if (match === null) throw broken(text, `${JSON.stringify(inside.slice(at).trim())} is no label=value`);
    labels.push({ name: match[1]!, value: match[3] ?? match[2]!.replace(/\\(.)/g, unescaped) });
  }
  return labels;
}

const unescaped = (_: string, letter: string): string => (letter === "n" ? "\n" : letter);

const broken = (text: string, what: string): MetricSpecError =>
  new MetricSpecError(
    `metric specification ${JSON.stringify(text)}: ${what} (allowed: name{label=value,…}, or nothing)`,
  );
