import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { didYouMean, TraceError } from "@windtunnel/sim-core";
import { type CatalogueEntry, traceCatalogue } from "./trace-catalogue.ts";
import { writeWhole } from "./write-trace.ts";

export interface FetchTraceOptions {
  /** Folder for the file, made where absent. */
  readonly directory: string;
  /** Address of a mirror's folder instead of the publisher's. */
  readonly from?: string;
  /** Told of the bytes so far. */
  readonly onProgress?: (bytes: number) => void;
  readonly catalogue?: readonly CatalogueEntry[];
}

export interface FetchedTrace {
  readonly name: string;
  readonly path: string;
  readonly url: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly licence: string;
}

/**
 * Downloads a trace of the catalogue; the file appears only when its SHA-256 is the known one.
 *
 * @throws TraceError when the name is not known, the download fails, or the content is another
 */
export async function traceFetch(name: string, options: FetchTraceOptions): Promise<FetchedTrace> {
  const catalogue = options.catalogue ?? traceCatalogue;
  const entry = catalogue.find((candidate) => candidate.name === name);
  if (entry === undefined) {
    const names = catalogue.map((candidate) => candidate.name);
    throw new TraceError(`unknown trace "${name}"${didYouMean(name, names)}; allowed: ${names.join(", ")}`);
  }
  const { file, sha256, licence } = entry;
  const url = options.from === undefined ? entry.url : `${options.from.replace(/\/+$/, "")}/${file}`;
  const path = join(options.directory, file);
  let bytes = 0;
  async function* verified(): AsyncGenerator<Uint8Array> {
    const hash = createHash("sha256");
    for await (const chunk of await download(url)) {
      hash.update(chunk);
      bytes += chunk.length;
      options.onProgress?.(bytes);
      yield chunk;
    }
    const found = hash.digest("hex");
    if (found !== sha256) throw new TraceError(`${url}: found SHA-256 ${found}; allowed: ${sha256}`);
  }
  await mkdir(options.directory, { recursive: true });
  await writeWhole(path, verified());
  return { name, path, url, bytes, sha256, licence };
}

async function download(url: string): Promise<AsyncIterable<Uint8Array>> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new TraceError(`${url}: cannot be fetched: ${cause.split("\n")[0]}`);
  }
  if (!response.ok || response.body === null) {
    throw new TraceError(`${url}: found HTTP ${response.status}; allowed: 200 with a body`);
  }
  return response.body as unknown as AsyncIterable<Uint8Array>;
}
