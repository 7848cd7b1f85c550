import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { createTraceWriter, TraceError, type TraceTable, type Workload } from "@windtunnel/sim-core";

const ROWS_PER_CHUNK = 1024;

/** A path (gzip where it ends in .gz), or whoever takes the text. */
export type TraceTarget = string | ((text: string) => void | Promise<void>);

/** Writes a workload; a file appears whole or not at all. @throws TraceError when the format cannot hold it */
export async function writeTrace(
  target: TraceTarget,
  format: string,
  workload: Workload,
  table: TraceTable,
): Promise<void> {
  const writer = createTraceWriter(format, workload, {
    ...(table.hashIds === undefined ? {} : { hashIds: table.hashIds }),
    ...(table.blockSizeTokens === undefined ? {} : { blockSizeTokens: table.blockSizeTokens }),
  });
  function* chunks(): Generator<string> {
    if (writer.header !== undefined) yield `${writer.header}\n`;
    for (let row = 0; row < workload.count; row += ROWS_PER_CHUNK) {
      let text = "";
      for (let i = row; i < Math.min(row + ROWS_PER_CHUNK, workload.count); i++) text += `${writer.line(i)}\n`;
      yield text;
    }
  }
  if (typeof target === "string") await writeWhole(target, chunks());
  else for (const text of chunks()) await target(text);
}

/** Writes beside the path, then renames. */
export async function writeWhole(path: string, chunks: Iterable<string> | AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = `${path}.${process.pid}.partial`;
  const source = Readable.from(chunks);
  try {
    const file = createWriteStream(temporary, { flags: "wx" });
    if (path.endsWith(".gz")) await pipeline(source, createGzip(), file);
    else await pipeline(source, file);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    if (error instanceof TraceError) throw error;
    throw new TraceError(`${path}: cannot be written: ${reason(error)}`);
  }
}

function reason(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (code === "ENOENT" || code === "ENOTDIR") return "there is no such directory";
  if (code === "EISDIR") return "it is a directory";
  return error instanceof Error ? error.message.split("\n")[0]! : String(error);
}
