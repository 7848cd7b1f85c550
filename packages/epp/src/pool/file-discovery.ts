import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import type { EndpointFacts } from "@windtunnel/router-policies";
import * as z from "zod";
import { MAX_ENDPOINTS_FILE_BYTES, parseEndpointsFile } from "./endpoints-file.ts";
import { FileWatch, type FileWatchOptions } from "./file-watch.ts";
import { PoolError, type PoolSink, type PoolSource } from "./pool-source.ts";

/** The parameters of the `file-discovery` plugin. */
export const fileDiscoveryParameters = z.strictObject({
  /** The endpoints file. */
  path: z.string().min(1),
  /** Whether changes of the file are taken over while running. */
  watchFile: z.boolean().default(false),
});

/** What file discovery needs of its host. */
export interface FileDiscoveryOptions extends z.output<typeof fileDiscoveryParameters> {
  /** Told one line when a changed file could not be taken over, and when one could. */
  readonly report: (message: string) => void;
  readonly watch?: Pick<FileWatchOptions, "debounceMs" | "pollMs">;
}

/**
 * Endpoints from a YAML file in upstream's format. A bad file at the start ends it; a bad one later is reported, and
 * the endpoints from before stay.
 */
export class FileDiscovery implements PoolSource {
  readonly #options: FileDiscoveryOptions;
  #watch: FileWatch | undefined;
  #text = "";
  #problem = "";

  constructor(options: FileDiscoveryOptions) {
    this.#options = options;
  }

  async start(sink: PoolSink): Promise<void> {
    const { path, watchFile } = this.#options;
    // Watched first: a change between reading and watching would be lost.
    if (watchFile) this.#watch = new FileWatch(path, { ...this.#options.watch, onChange: () => this.#reload(sink) });
    try {
      this.#text = readEndpointsText(path);
      sink.endpoints(parseEndpointsFile(this.#text, path));
    } catch (error) {
      await this.stop();
      throw error;
    }
    sink.objectives(new Map());
    sink.rewrites([]);
    sink.pool({ synced: true });
  }

  async stop(): Promise<void> {
    this.#watch?.close();
    this.#watch = undefined;
  }

  #reload(sink: PoolSink): void {
    const { path } = this.#options;
    let endpoints: readonly EndpointFacts[];
    try {
      const text = readEndpointsText(path);
      if (text === this.#text && this.#problem === "") return;
      endpoints = parseEndpointsFile(text, path);
      this.#text = text;
    } catch (error) {
      if (!(error instanceof PoolError)) throw error;
      // The watch looks again and again; the same problem is told once.
      if (error.message !== this.#problem) this.#options.report(`${error.message}; the endpoints from before stay`);
      this.#problem = error.message;
      return;
    }
    this.#problem = "";
    this.#options.report(`${path}: took over ${endpoints.length} endpoints`);
    sink.endpoints(endpoints);
  }
}

/** Reads the whole file, however it is replaced meanwhile, and never more than the limit. */
function readEndpointsText(path: string): string {
  const bytes = Buffer.allocUnsafe(MAX_ENDPOINTS_FILE_BYTES + 1);
  let length = 0;
  try {
    // A pipe would hang an open for reading that waits for its writer.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      if (!fstatSync(file).isFile()) throw new PoolError(`${path}:1:1: expected a file, found something else`);
      for (let read = -1; read !== 0 && length < bytes.length; length += read) {
        read = readSync(file, bytes, length, bytes.length - length, null);
      }
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (error instanceof PoolError) throw error;
    throw new PoolError(`${path}:1:1: cannot read the endpoints file: ${(error as NodeJS.ErrnoException).code}`);
  }
  if (length > MAX_ENDPOINTS_FILE_BYTES) {
    throw new PoolError(`${path}:1:1: the endpoints file is larger than ${MAX_ENDPOINTS_FILE_BYTES} bytes (1 MiB)`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, length));
  } catch {
    throw new PoolError(`${path}:1:1: the endpoints file is not UTF-8`);
  }
}
