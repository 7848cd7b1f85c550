import { didYouMean, TraceError } from "../errors.ts";
import type { MultimodalItems } from "./multimodal-items.ts";
import type { Workload } from "./workload.ts";

/** A format that a workload can be written in. */
export interface TraceWriter {
  readonly name: string;
  /** One sentence: what is kept and what is lost. */
  readonly summary: string;
  readonly header?: string;
  /** One line without its end. */
  line(row: number): string;
}

export interface TraceWriterOptions {
  /** Original ids of the segments, by segment id; absent = the segment ids themselves. */
  readonly hashIds?: Float64Array;
  /** Block size of `mooncake`; absent = 512. */
  readonly blockSizeTokens?: number;
}

const WRITERS: Readonly<Record<string, (workload: Workload, options: TraceWriterOptions) => TraceWriter>> = {
  mooncake: mooncakeWriter,
  azure: azureWriter,
  vidur: vidurWriter,
  windtunnel: windtunnelWriter,
};

/** Names of the formats that a trace can be written in. */
export const traceWriterNames: readonly string[] = Object.keys(WRITERS);

/** @throws TraceError when the format is not known or cannot hold the workload */
export function createTraceWriter(format: string, workload: Workload, options: TraceWriterOptions = {}): TraceWriter {
  const make = Object.hasOwn(WRITERS, format) ? WRITERS[format] : undefined;
  if (make !== undefined) return make(workload, options);
  const allowed = traceWriterNames.join(", ");
  throw new TraceError(`cannot write format "${format}"${didYouMean(format, traceWriterNames)}; allowed: ${allowed}`);
}

/**
 * Blocks of one size; a segment that is not one block cannot be written. Tokens that the source named no block for
 * (a last segment with hash id -1) are left without.
 */
function mooncakeWriter(workload: Workload, options: TraceWriterOptions): TraceWriter {
  const { segments, releasedBy, promptTokens } = workload;
  const blockSizeTokens = options.blockSizeTokens ?? 512;
  const sessions = releasedBy === undefined ? undefined : sessionOf(releasedBy);
  const hashIdsOf = (row: number): number[] | undefined => {
    if (segments === undefined) return undefined;
    const ids: number[] = [];
    for (let entry = segments.offsets[row]!; entry < segments.offsets[row + 1]!; entry++) {
      const id = options.hashIds === undefined ? segments.ids[entry]! : options.hashIds[segments.ids[entry]!]!;
      if (id < 0) continue;
      ids.push(id);
      const end = Math.min(ids.length * blockSizeTokens, promptTokens[row]!);
      if (segments.endTokens[entry] === end) continue;
      throw new TraceError(
        `${workload.name}: request ${row}: found a segment that ends at token ${segments.endTokens[entry]}; ` +
          `allowed in mooncake: blocks of ${blockSizeTokens} tokens (windtunnel holds any)`,
      );
    }
    return ids.length === 0 && promptTokens[row]! >= blockSizeTokens ? undefined : ids;
  };
  return {
    name: "mooncake",
    summary: "times in whole milliseconds, blocks of one size, sessions; classes are lost",
    line(row) {
      const ms = Math.round(workload.arrivalUs[row]! / 1000);
      const follows = releasedBy !== undefined && releasedBy[row]! >= 0;
      return JSON.stringify({
        ...(follows ? { delay: ms } : { timestamp: ms }),
        ...(sessions === undefined ? {} : { session_id: String(sessions[row]) }),
        input_length: promptTokens[row],
        output_length: workload.outputTokens[row],
        hash_ids: hashIdsOf(row),
      });
    },
  };
}

/** Number of each row's session; a chain only, because Mooncake rows follow the session's row before. */
function sessionOf(releasedBy: Int32Array): Int32Array {
  const sessions = new Int32Array(releasedBy.length).fill(-1);
  const lastRow = new Map<number, number>();
  for (let row = 0; row < releasedBy.length; row++) {
    const parent = releasedBy[row]!;
    const session = parent < 0 ? row : sessions[parent]!;
    if (parent >= 0 && lastRow.get(session) !== parent) {
      throw new TraceError(`request ${row} follows a request that another follows too; allowed in mooncake: chains`);
    }
    sessions[row] = session;
    lastRow.set(session, row);
  }
  return sessions;
}

function azureWriter(workload: Workload): TraceWriter {
  refuseSessions(workload, "azure");
  return {
    name: "azure",
    summary: "times and lengths; shared prefixes and classes are lost",
    header: "TIMESTAMP,ContextTokens,GeneratedTokens",
    line: (row) => {
      const time = timestamp(workload.arrivalUs[row]!);
      return `${time},${workload.promptTokens[row]},${workload.outputTokens[row]}`;
    },
  };
}

/** Counts from 2000-01-01, a date that says that it stands for nothing. */
function timestamp(us: number): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  const seconds = Math.floor(us / 1e6);
  const day = Math.floor(seconds / 86400);
  if (day >= 31) throw new TraceError(`found an arrival on day ${day + 1}; allowed in azure: the first 31 days`);
  const clock = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(":");
  return `2000-01-${two(day + 1)} ${clock}.${String(us - seconds * 1e6).padStart(6, "0")}0`;
}

function vidurWriter(workload: Workload): TraceWriter {
  refuseSessions(workload, "vidur");
  return {
    name: "vidur",
    summary: "times and lengths; shared prefixes and classes are lost",
    header: "arrived_at,num_prefill_tokens,num_decode_tokens",
    line: (row) => `${workload.arrivalUs[row]! / 1e6},${workload.promptTokens[row]},${workload.outputTokens[row]}`,
  };
}

function refuseSessions(workload: Workload, format: string): void {
  if (workload.releasedBy === undefined) return;
  throw new TraceError(`${workload.name}: found requests that follow others; allowed in ${format}: arrival times only`);
}

function windtunnelWriter(workload: Workload, options: TraceWriterOptions): TraceWriter {
  const { segments, items, releasedBy, classOf, classes, adapterOf, adapters } = workload;
  const idOf = (id: number): number => {
    const hashId = options.hashIds?.[id] ?? id;
    return hashId < 0 ? id : hashId;
  };
  const keepsIds = options.hashIds !== undefined && areDistinct(options.hashIds);
  const written = keepsIds ? idOf : (id: number): number => id;
  return {
    name: "windtunnel",
    summary: "every column",
    line(row) {
      const seconds = workload.arrivalUs[row]! / 1e6;
      const parent = releasedBy === undefined ? -1 : releasedBy[row]!;
      const outputId = segments?.outputIds?.[row] ?? -1;
      const adapter = adapters?.[adapterOf?.[row] ?? -1];
      return JSON.stringify({
        ...(parent < 0 ? { arrivalSeconds: seconds } : { releasedBy: parent, thinkSeconds: seconds }),
        promptTokens: workload.promptTokens[row],
        outputTokens: workload.outputTokens[row],
        ...(segments === undefined ? {} : { segments: segmentPairs(workload, row, written) }),
        ...(items === undefined ? {} : itemPairs(items, row)),
        ...(outputId < 0 ? {} : { outputSegment: written(outputId) }),
        ...(classOf === undefined ? {} : { class: classes?.[classOf[row]!]?.name ?? "" }),
        ...(adapter === undefined ? {} : { adapter }),
      });
    },
  };
}

function segmentPairs(workload: Workload, row: number, idOf: (id: number) => number): [number, number][] {
  const { offsets, ids, endTokens } = workload.segments!;
  const pairs: [number, number][] = [];
  for (let entry = offsets[row]!; entry < offsets[row + 1]!; entry++) {
    pairs.push([idOf(ids[entry]!), endTokens[entry]!]);
  }
  return pairs;
}

function itemPairs({ offsets, startTokens, tokens }: MultimodalItems, row: number): { items?: [number, number][] } {
  const pairs: [number, number][] = [];
  for (let item = offsets[row]!; item < offsets[row + 1]!; item++) pairs.push([startTokens[item]!, tokens[item]!]);
  return pairs.length === 0 ? {} : { items: pairs };
}

/** True when the file's ids can stand for the segments: each names one, and none is missing. */
function areDistinct(hashIds: Float64Array): boolean {
  const sorted = Float64Array.from(hashIds).sort();
  return sorted.every((id, i) => id >= 0 && (i === 0 || id !== sorted[i - 1]));
}
