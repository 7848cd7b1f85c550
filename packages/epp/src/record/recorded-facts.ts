import type { ArrivedRequest } from "../host/arrived-request.ts";
import type { NotedReads } from "./noted-request.ts";
import type { RecordedFacts } from "./recording-line.ts";
import type { SafeNames } from "./safe-names.ts";

/** Headers that name a session, the first that is there counts (llm-d's session plugins, and agents' own). */
const SESSION_HEADERS = [
  "x-session-id",
  "x-session-token",
  "x-claude-code-session-id",
  "x-session-affinity",
  "session-id",
];

/** What a recording says of a request. */
export function recordedFacts(
  request: ArrivedRequest,
  reads: NotedReads | undefined,
  scraped: readonly number[],
  decidedAtUs: number,
  names: SafeNames,
): RecordedFacts {
  const { maxOutputTokens, objective, ttftSloMs, tpotSloMs, subset } = request;
  const session = sessionOf(request);
  return {
    model: names.name(request.targetModel),
    promptTokens: request.promptTokens,
    promptCount: request.promptCount,
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
    priority: request.priority,
    fairness: names.flow(request.fairnessId),
    ...(objective === undefined ? {} : { objective: names.name(objective) }),
    ...(ttftSloMs === undefined ? {} : { ttftSloMs }),
    ...(tpotSloMs === undefined ? {} : { tpotSloMs }),
    ...(session === undefined ? {} : { session: names.hashed(session) }),
    ...(subset === undefined ? {} : { subset: subset.map((address) => names.address(address)) }),
    ...(request.onlyIfCached === true ? { onlyIfCached: true } : {}),
    ...(request.hasMultimodal === true ? { multimodal: true } : {}),
    ...(request.streaming ? { streaming: true } : {}),
    bodyBytes: request.bodyBytes,
    waitedUs: decidedAtUs - request.receivedAtUs,
    ...(reads === undefined || reads.keys.length === 0 ? {} : { keys: reads.keys }),
    ...(reads === undefined || reads.headers.size === 0 ? {} : { headers: headersOf(reads, names) }),
    ...(scraped.length === 0 ? {} : { scraped }),
  };
}

function sessionOf(request: ArrivedRequest): string | undefined {
  for (const name of SESSION_HEADERS) {
    const value = request.header(name);
    if (value) return value;
  }
  return undefined;
}

function headersOf({ headers }: NotedReads, names: SafeNames): Record<string, string | null> {
  return Object.fromEntries(
    [...headers].map(([name, value]) => [name, value === undefined ? null : names.header(value)]),
  );
}
