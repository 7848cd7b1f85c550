import type { Node, Pair } from "yaml";
import { isMap, isPair, isScalar, isSeq, LineCounter, parseAllDocuments } from "yaml";
import { ScenarioError } from "../errors.ts";

/** Steps from the root of a document to a value in it. */
export type Path = readonly PropertyKey[];

/** Where in a file something is, 1-based. */
interface Position {
  readonly line: number;
  readonly column: number;
}

/** A YAML file whose values can be found again by line and column. */
export interface SourceFile {
  readonly file: string;
  readonly text: string;
  readonly value: unknown;
  /** The node of the longest known part of a path, and how many steps of it are known. */
  locate(path: Path): Position & { readonly depth: number };
  /** Where a key of the map at `path` is written. */
  locateKey(path: Path, key: string): Position | undefined;
  /** The file with everything but the value at `path` blanked out, so that its positions stay true. */
  only(path: Path): string | undefined;
}

/**
 * Reads one YAML document.
 *
 * @throws ScenarioError for text that is not YAML, or not one document
 */
export function readSource(text: string, file: string): SourceFile {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const where = ({ line, column }: Position) => `${file}:${line}:${column}`;
  const [document, second] = "empty" in documents ? [] : documents;
  if (document === undefined) throw new ScenarioError(`${file}:1:1: the file is empty; a Scenario is needed`);
  const errors = document.errors.map((e) => `${where(position(e.pos[0]))}: ${oneLine(e.message)}`);
  if (errors.length > 0) throw new ScenarioError(errors.join("\n"));
  if (second)
    throw new ScenarioError(`${where(position(second.range[0]))}: a second document; one file holds one scenario`);
  const root = document.contents as Node | null;
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new ScenarioError(`${file}:1:1: ${oneLine((error as Error).message)}`);
  }
  return {
    file,
    text,
    value,
    locate: (path) => {
      const { node, key, depth } = walk(root, path);
      return { ...position(key?.range?.[0] ?? node?.range?.[0] ?? 0), depth };
    },
    locateKey: (path, name) => {
      const { node, depth } = walk(root, path);
      const pair = depth === path.length && isMap(node) ? findPair(node.items, name) : undefined;
      const offset = (pair?.key as Node | undefined)?.range?.[0];
      return offset === undefined ? undefined : position(offset);
    },
    only: (path) => {
      const { node, depth } = walk(root, path);
      if (depth < path.length || !node?.range) return undefined;
      const [start, end] = node.range;
      return text.slice(0, start).replace(/[^\n]/g, " ") + text.slice(start, end);
    },
  };
}

function walk(root: Node | null, path: Path): { node: Node | null; key?: Node; depth: number } {
  let node = root;
  let key: Node | undefined;
  let depth = 0;
  for (const step of path) {
    // A pasted generator configuration has no key of its own.
    if (step === "inferencePerf" && isMap(node) && !findPair(node.items, step)) {
      depth++;
      continue;
    }
    if (isMap(node)) {
      const pair = findPair(node.items, step);
      if (!pair) break;
      key = pair.key as Node;
      node = pair.value as Node | null;
    } else if (isSeq(node) && typeof step === "number" && step < node.items.length) {
      const item = node.items[step];
      key = undefined;
      node = (isPair(item) ? null : item) as Node | null;
    } else break;
    depth++;
  }
  // A value is reported where it stands; a map or list where its key is.
  return isScalar(node) || key === undefined ? { node, depth } : { node, key, depth };
}

function findPair(items: readonly Pair[], key: PropertyKey): Pair | undefined {
  return items.find((pair) => (isScalar(pair.key) ? String(pair.key.value) : undefined) === String(key));
}

function oneLine(message: string): string {
  return message.replace(/\s+/g, " ").trim();
}
