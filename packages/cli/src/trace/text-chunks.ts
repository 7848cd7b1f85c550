import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import type { Duplex, Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { TraceError } from "@windtunnel/sim-core";
import { recordingSegments, segmentBytes } from "./recording-segments.ts";

const GZIP_MAGIC = [0x1f, 0x8b];
const ZSTD_MAGIC = [0x28, 0xb5, 0x2f, 0xfd];

/** A file's bytes, decompressed where its first bytes say gzip or zstd, with their count and SHA-256 at the end. */
export interface ByteSource {
  readonly chunks: AsyncIterable<Buffer>;
  /** Of what has been read. */
  digest(): { readonly bytes: number; readonly sha256: string };
}

/**
 * Of a folder of an Endpoint Picker's recording: all its segments, one after the other.
 *
 * @throws TraceError when the file cannot be opened; the chunks throw it when it cannot be read or decompressed
 */
export async function openBytes(path: string, shown: string): Promise<ByteSource> {
  const segments = recordingSegments(path, shown);
  const decompressor = segments === undefined ? decompressorFor(await firstBytes(path, shown)) : undefined;
  const hash = createHash("sha256");
  let bytes = 0;
  async function* chunks(): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of segments === undefined ? fileBytes(path, decompressor) : segmentBytes(segments)) {
        hash.update(chunk);
        bytes += chunk.length;
        yield chunk;
      }
    } catch (error) {
      throw error instanceof TraceError ? error : new TraceError(`${shown}: cannot be read: ${reason(error)}`);
    }
  }
  return { chunks: chunks(), digest: () => ({ bytes, sha256: hash.digest("hex") }) };
}

async function* fileBytes(path: string, decompressor: Duplex | undefined): AsyncGenerator<Buffer> {
  const file = createReadStream(path, { highWaterMark: 1 << 20 });
  const stream: Readable = decompressor === undefined ? file : pipe(file, decompressor);
  try {
    yield* stream as AsyncIterable<Buffer>;
  } finally {
    file.destroy();
    stream.destroy();
  }
}

/** The chunks as text; a character that spans two chunks stays whole. */
export async function* textOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for await (const chunk of chunks) yield decoder.decode(chunk, { stream: true });
  yield decoder.decode();
}

function pipe(file: Readable, decompressor: Duplex): Readable {
  file.on("error", (error) => decompressor.destroy(error));
  return file.pipe(decompressor);
}

async function firstBytes(path: string, shown: string): Promise<Buffer> {
  try {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(ZSTD_MAGIC.length), 0, ZSTD_MAGIC.length, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new TraceError(`${shown}: cannot be read: ${reason(error)}`);
  }
}

function decompressorFor(head: Buffer): Duplex | undefined {
  const startsWith = (magic: readonly number[]): boolean => magic.every((byte, i) => head[i] === byte);
  if (startsWith(GZIP_MAGIC)) return createGunzip();
  return startsWith(ZSTD_MAGIC) ? createZstdDecompress() : undefined;
}

function reason(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (code === "ENOENT") return "no such file";
  if (code === "EISDIR") return "it is a directory";
  return error instanceof Error ? error.message.split("\n")[0]! : String(error);
}
