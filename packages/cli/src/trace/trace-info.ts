import { basename } from "node:path";
import { traceInfo as infoOf, type TraceInfo, type TraceInfoOptions } from "@windtunnel/sim-core";
import { type ReadTraceOptions, readTrace } from "./read-trace.ts";

/** What a trace file holds, its decompressed size and SHA-256 first. */
export interface TraceFileInfo extends TraceInfo {
  readonly bytes: number;
  readonly sha256: string;
}

export interface TraceInfoFileOptions extends ReadTraceOptions, TraceInfoOptions {}

/** @throws TraceError */
export async function traceInfo(path: string, options: TraceInfoFileOptions = {}): Promise<TraceFileInfo> {
  const { table, bytes, sha256 } = await readTrace(path, options);
  const { file: _, ...info } = infoOf(table, options);
  return { file: basename(path).replace(/\.(gz|zst)$/, ""), bytes, sha256, ...info };
}
