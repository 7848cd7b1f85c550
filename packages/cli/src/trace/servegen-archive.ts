import {
  parseServeGenClient,
  type ServeGenClient,
  serveGenWorkload,
  TraceError,
  type TraceTable,
} from "@windtunnel/sim-core";
import { tarEntries } from "./tar.ts";

const CHUNK_FILE = /(?:^|\/)(chunk-\d+)-(trace\.csv|dataset\.json)$/;

/** Which part of a ServeGen mixture is generated; the whole where nothing is given. */
export interface ServeGenSpan {
  readonly startSeconds?: number;
  readonly durationSeconds?: number;
  readonly seed?: number | string;
}

/** Generates requests from the client mixtures of an archive. @throws TraceError */
export function serveGenTable(file: string, archive: Buffer, span: ServeGenSpan): TraceTable {
  const clients = serveGenClients(file, archive);
  const lastWindow = Math.max(...clients.flatMap(({ windows }) => windows.map(({ startSeconds }) => startSeconds)));
  const startSeconds = span.startSeconds ?? 0;
  const workload = serveGenWorkload(clients, {
    name: file,
    seed: span.seed ?? 0,
    startSeconds,
    durationSeconds: span.durationSeconds ?? lastWindow + 600 - startSeconds,
  });
  return {
    file,
    format: "servegen",
    mapping: [
      { column: "chunk-i-trace.csv", use: "rate and shape of the gaps, per client and window" },
      { column: "chunk-i-dataset.json", use: "prompt and output tokens, per client and window" },
    ],
    count: workload.count,
    arrivalUs: workload.arrivalUs,
    promptTokens: workload.promptTokens,
    outputTokens: workload.outputTokens,
    ...(workload.classOf === undefined || clients.length < 2
      ? {}
      : { classOf: workload.classOf, classNames: workload.classes?.map(({ name }) => name) ?? [] }),
    skipped: new Map(),
    notes: [`generated from ${clients.length} client mixtures with seed ${span.seed ?? 0}`],
  };
}

/** The clients of an archive, by number. @throws TraceError when it has none, or half of one */
function serveGenClients(file: string, archive: Buffer): ServeGenClient[] {
  const parts = new Map<string, Map<string, { file: string; text: string }>>();
  for (const { name, data } of tarEntries(file, archive)) {
    const match = CHUNK_FILE.exec(name);
    if (match === null) continue;
    const [, client, part] = match as unknown as [string, string, string];
    const files = parts.get(client) ?? new Map<string, { file: string; text: string }>();
    files.set(part, { file: `${file}/${name}`, text: data.toString("utf8") });
    parts.set(client, files);
  }
  if (parts.size === 0) {
    throw new TraceError(`${file}: found no chunk-N-trace.csv in the archive; allowed: a ServeGen archive`);
  }
  return [...parts]
    .sort(([a], [b]) => Number(a.slice(6)) - Number(b.slice(6)))
    .map(([client, files]) => {
      const trace = files.get("trace.csv");
      const dataset = files.get("dataset.json");
      if (trace !== undefined && dataset !== undefined) return parseServeGenClient(client, trace, dataset);
      throw new TraceError(`${file}: ${client} lacks its ${trace === undefined ? "trace.csv" : "dataset.json"}`);
    });
}
