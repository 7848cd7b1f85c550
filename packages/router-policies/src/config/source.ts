import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from "yaml";
import type { Position } from "../errors.ts";
import { PolicyError, quoted, suggestion } from "../errors.ts";
import { isAbsent, type Located, type LocatedEntry, type LocatedMap, stringOf } from "./located.ts";

const MAX_DEPTH = 64;
/** Aliases can repeat a node without bound; no real configuration has so many. */
const MAX_NODES = 100_000;

/** Parses YAML into values that know where they stand. */
function parseLocated(text: string, file: string): Located {
  const start: Position = { file, line: 1, column: 1 };
  const lines = new LineCounter();
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true, logLevel: "silent" });
    const at = (offset: number | undefined): Position => {
      const { line, col } = lines.linePos(offset ?? 0);
      return { file, line: Math.max(1, line), column: Math.max(1, col) };
    };
    const problem = document.errors[0] ?? document.warnings[0];
    if (problem !== undefined) throw new PolicyError(`not valid YAML: ${problem.message}`, at(problem.pos[0]));
    return new Locator(at, (node) => (isAlias(node) ? (node.resolve(document) as Node | undefined) : node)).locate(
      document.contents,
      start,
      0,
    );
  } catch (error) {
    if (error instanceof PolicyError) throw error;
    throw new PolicyError(`not readable as YAML: ${error instanceof Error ? error.message : String(error)}`, start);
  }
}

/** Turns a YAML tree into located values, aliases resolved and merge keys applied. */
class Locator {
  readonly #at: (offset: number | undefined) => Position;
  readonly #resolve: (node: Node) => Node | undefined;
  #count = 0;

  constructor(at: (offset: number | undefined) => Position, resolve: (node: Node) => Node | undefined) {
    this.#at = at;
    this.#resolve = resolve;
  }

  locate(given: unknown, fallback: Position, depth: number): Located {
    const outer = given as Node | null;
    const node = outer === null || outer === undefined ? null : (this.#resolve(outer) ?? null);
    const at = outer?.range ? this.#at(outer.range[0]) : fallback;
    if (depth > MAX_DEPTH) throw new PolicyError(`nested more than ${MAX_DEPTH} deep`, at);
    if (++this.#count > MAX_NODES) throw new PolicyError(`more than ${MAX_NODES} values`, at);
    if (isMap(node)) return { kind: "map", at, entries: this.#entries(node.items, at, depth) };
    if (isSeq(node)) return { kind: "list", at, items: node.items.map((item) => this.locate(item, at, depth + 1)) };
    if (!isScalar(node)) return { kind: "scalar", at, value: null };
    const value = node.value;
    if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
      return { kind: "scalar", at, value };
    }
    if (typeof value === "symbol") return { kind: "scalar", at, value: "<<" };
    throw new PolicyError(`unusable value ${quoted(String(value))}`, at);
  }

  #entries(pairs: readonly Pair[], at: Position, depth: number): LocatedEntry[] {
    const entries: LocatedEntry[] = [];
    const merged: LocatedEntry[] = [];
    for (const pair of pairs) {
      const key = this.locate(pair.key, at, depth + 1);
      const value = this.locate(pair.value, key.at, depth + 1);
      if (key.kind !== "scalar") throw new PolicyError("a mapping's key must be a string", key.at);
      if (key.value === "<<") merged.push(...mergedEntries(value));
      else entries.push({ key: String(key.value), keyAt: key.at, value });
    }
    for (const entry of merged) if (!entries.some(({ key }) => key === entry.key)) entries.push(entry);
    return entries;
  }
}

function mergedEntries(value: Located): readonly LocatedEntry[] {
  if (value.kind === "map") return value.entries;
  if (value.kind === "list") return value.items.flatMap(mergedEntries);
  throw new PolicyError('"<<" merges mappings only', value.at);
}

/**
 * The EndpointPickerConfig in a file: the document itself, or the one that a Helm values file holds under
 * `pluginsCustomConfig`. Its places are those of the file that was given.
 */
export function endpointPickerDocument(text: string, file: string): Located {
  const root = parseLocated(text, file);
  if (root.kind !== "map" || root.entries.some(({ key }) => key === "apiVersion" || key === "kind")) return root;
  const holder = holderOf(root);
  if (holder === undefined) return root;
  const given = holder.entries.find(({ key }) => key === "pluginsCustomConfig")!;
  if (given.value.kind !== "map") {
    throw new PolicyError("pluginsCustomConfig: expected a mapping from file name to configuration", given.value.at);
  }
  const chosen = chosenConfig(holder, given.value);
  if (chosen.value.kind !== "scalar") return chosen.value;
  return embedded(text, file, chosen);
}

/** The first mapping, outermost first, that has `pluginsCustomConfig`. */
function holderOf(root: LocatedMap): LocatedMap | undefined {
  let level: LocatedMap[] = [root];
  while (level.length > 0) {
    const found = level.find((map) => map.entries.some(({ key }) => key === "pluginsCustomConfig"));
    if (found !== undefined) return found;
    level = level.flatMap((map) => map.entries.map(({ value }) => value).filter((value) => value.kind === "map"));
  }
  return undefined;
}

function chosenConfig(holder: LocatedMap, configs: LocatedMap): LocatedEntry {
  const named = holder.entries.find(({ key }) => key === "pluginsConfigFile");
  const wanted = named === undefined || isAbsent(named.value) ? undefined : stringOf(named.value, "pluginsConfigFile");
  const names = configs.entries.map(({ key }) => key);
  if (wanted !== undefined) {
    const entry = configs.entries.find(({ key }) => key === wanted);
    if (entry !== undefined) return entry;
    const message = `pluginsConfigFile ${quoted(wanted)} is not in pluginsCustomConfig`;
    throw new PolicyError(`${message}${suggestion(wanted, names)}`, named!.value.at);
  }
  if (configs.entries.length === 1) return configs.entries[0]!;
  const found = names.length === 0 ? "no configuration" : `${names.length} configurations`;
  throw new PolicyError(`pluginsCustomConfig has ${found}; name one with pluginsConfigFile`, configs.at);
}

/**
 * Parses the text of a block scalar in place: everything around it blanked out, so that lines and columns stay those of
 * the outer file. Any other kind of scalar is parsed on its own and reported at its start.
 */
function embedded(text: string, file: string, { value }: LocatedEntry): Located {
  if (value.kind !== "scalar" || typeof value.value !== "string") {
    throw new PolicyError("expected the text of an EndpointPickerConfig", value.at);
  }
  const lines = text.split("\n");
  const header = lines[value.at.line - 1]?.slice(value.at.column - 1) ?? "";
  if (!/^\|[-+0-9]*\s*(#.*)?$/.test(header)) return relocated(parseLocated(value.value, file), value.at);
  const indentOf = (line: string): number => line.search(/\S/);
  const body = lines.slice(value.at.line);
  const indent = Math.max(1, indentOf(body.find((line) => line.trim() !== "") ?? ""));
  const end = body.findIndex((line) => line.trim() !== "" && indentOf(line) < indent);
  const inside = body.slice(0, end < 0 ? body.length : end).map((line) => (line.trim() === "---" ? "" : line));
  const inner = [...lines.slice(0, value.at.line).map(() => ""), ...inside];
  return parseLocated(inner.join("\n"), file);
}

function relocated(node: Located, at: Position): Located {
  if (node.kind === "scalar") return { ...node, at };
  if (node.kind === "list") return { ...node, at, items: node.items.map((item) => relocated(item, at)) };
  const entries = node.entries.map(({ key, value }) => ({ key, keyAt: at, value: relocated(value, at) }));
  return { ...node, at, entries };
}
