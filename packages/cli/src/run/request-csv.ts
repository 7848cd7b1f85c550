import { createReadStream, existsSync } from "node:fs";
import { createInterface } from "node:readline";
import type { RequestFacts } from "../output/request-timeline.ts";

const TEXT_COLUMNS = new Set(["outcome", "replica", "loadedFrom", "adapter", "encodeReplica", "prefillReplica"]);

/** One row of a `requests.csv`; undefined where it is not there. Only the class may be quoted, and it is not needed. */
export async function readRequestCsv(path: string, row: number): Promise<RequestFacts | undefined> {
  if (!existsSync(path)) return undefined;
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY });
  let header: readonly string[] | undefined;
  try {
    for await (const line of lines) {
      if (header === undefined) header = line.split(",");
      else if (line.startsWith(`${row},`)) return factsOf(header, cellsOf(line));
    }
  } finally {
    lines.close();
  }
  return undefined;
}

function cellsOf(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((cell) => cell[1] ?? cell[2] ?? "");
}

function factsOf(header: readonly string[], cells: readonly string[]): RequestFacts {
  const entries = header.map((column, index): [string, string | number | null] => {
    const cell = cells[index] ?? "";
    if (cell === "") return [column, null];
    return [column, TEXT_COLUMNS.has(column) ? cell : Number(cell)];
  });
  const { class: _class, ...facts } = Object.fromEntries(entries);
  return facts as unknown as RequestFacts;
}
