import { createTraceReader, type TraceReaderOptions, type TraceTable } from "@windtunnel/sim-core";
import { given } from "../host/given.ts";
import { type ServeGenSpan, serveGenTable } from "./servegen-archive.ts";
import { isTar } from "./tar.ts";
import { openBytes, textOf } from "./text-chunks.ts";

export interface ReadTraceOptions {
  /** Name of the file in messages; absent = its path. */
  readonly shown?: string;
  /** Name of the format; absent or `auto` = found from the first record. */
  readonly format?: string;
  /** Tokens of a hash block; absent = the format's own. */
  readonly blockSizeTokens?: number;
  /** For a generator's archive: what is generated. */
  readonly span?: ServeGenSpan;
}

export interface ReadTrace {
  readonly table: TraceTable;
  /** Of the file, decompressed. */
  readonly bytes: number;
  readonly sha256: string;
}

/** Reads a trace file, plain or gzip or zstd, in one pass; only its columns are kept. @throws TraceError */
export async function readTrace(path: string, options: ReadTraceOptions = {}): Promise<ReadTrace> {
  const { format, blockSizeTokens, shown = path } = options;
  const source = await openBytes(path, shown);
  const chunks = source.chunks[Symbol.asyncIterator]();
  const first = await firstBlock(chunks);
  const rest = prepend(first, { [Symbol.asyncIterator]: () => chunks });
  if (isTar(first)) {
    const archive: Buffer[] = [];
    for await (const chunk of rest) archive.push(chunk);
    return { table: serveGenTable(shown, Buffer.concat(archive), options.span ?? {}), ...source.digest() };
  }
  const reader = createTraceReader(
    given<TraceReaderOptions>({ file: shown, format: format === "auto" ? undefined : format, blockSizeTokens }),
  );
  for await (const text of textOf(rest)) reader.push(text);
  return { table: reader.end(), ...source.digest() };
}

/** Enough bytes to tell an archive from text. */
async function firstBlock(chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  let block = Buffer.alloc(0);
  while (block.length < 512) {
    const next = await chunks.next();
    if (next.done === true) break;
    block = Buffer.concat([block, next.value]);
  }
  return block;
}

async function* prepend(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}
