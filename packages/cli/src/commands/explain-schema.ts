import type { JsonSchema } from "@windtunnel/sim-core";
import { didYouMean, fieldAt, fieldsOf, parsePath, scenarioJsonSchema } from "@windtunnel/sim-core";
import { ExitCode, UsageError } from "../exit-code.ts";
import type { Terminal } from "../host/terminal.ts";
import { useColour } from "../host/terminal.ts";
import type { Cell } from "../output/table.ts";
import { textTable } from "../output/table.ts";

/** `windtunnel explain schema spec.pools`: what a field of a scenario means and what may stand in it. */
export function explainSchema(path: string | undefined, terminal: Terminal): ExitCode {
  const root = scenarioJsonSchema();
  const steps = path === undefined ? [] : parsePath(path, path);
  for (let depth = 1; depth <= steps.length; depth++) {
    if (fieldAt(root, steps.slice(0, depth))) continue;
    const allowed = fieldsOf(fieldAt(root, steps.slice(0, depth - 1)));
    const found = String(steps[depth - 1]);
    const inside = depth === 1 ? "a Scenario" : steps.slice(0, depth - 1).join(".");
    throw new UsageError(
      `unknown field "${found}" in ${inside}${didYouMean(found, allowed)}; allowed: ${allowed.join(", ") || "nothing"}`,
    );
  }
  const field = fieldAt(root, steps)!;
  terminal.out(`${path ?? "Scenario"}  ${typeOf(field)}${defaultOf(field)}\n`);
  if (field.description) terminal.out(`${field.description}\n`);
  const rows = fieldRows(field);
  if (rows.length > 0) {
    terminal.out(
      `\n${textTable({ columns: [{ title: "Field" }, { title: "type" }, { title: "" }], rows }, useColour(terminal))}`,
    );
  }
  return ExitCode.pass;
}

function fieldRows(field: JsonSchema): Cell[][] {
  const holder = field.items ?? field;
  const branches = holder.properties ? [holder] : [...(holder.anyOf ?? []), ...(holder.oneOf ?? [])];
  const maps = branches.filter(({ properties }) => properties !== undefined);
  return maps.flatMap((branch, index) => {
    const required = new Set(branch.required ?? []);
    const rows = Object.entries(branch.properties ?? {}).map(([name, inner]): Cell[] => [
      name,
      `${typeOf(inner)}${required.has(name) ? ", required" : ""}${defaultOf(inner)}`,
      inner.description ?? "",
    ]);
    return index === 0 ? rows : [[{ text: "or", tone: "dim" }], ...rows];
  });
}

function defaultOf({ default: value }: JsonSchema): string {
  return value === undefined || JSON.stringify(value) === "{}" ? "" : `, default ${JSON.stringify(value)}`;
}

function typeOf(field: JsonSchema): string {
  if (field.const !== undefined) return JSON.stringify(field.const);
  if (field.enum) return field.enum.map((value) => JSON.stringify(value)).join(" | ");
  const branches = [...(field.anyOf ?? []), ...(field.oneOf ?? [])];
  if (branches.length > 0) return [...new Set(branches.map(typeOf))].join(" | ");
  if (field.pattern?.includes("ns|us")) return "duration";
  if (field.pattern?.includes("KMGTP")) return "size";
  if (field.type === "array") return `list of ${field.items ? typeOf(field.items) : "anything"}`;
  if (field.type === "object") return "map";
  return typeof field.type === "string" ? field.type : "anything";
}
