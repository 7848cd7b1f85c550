import type { HeaderMutation, ProcessingResponse, Struct, StructValue } from "../wire/ext-proc.ts";
import { DESTINATION_HEADER, DROPPED_REASON_HEADER, LB_NAMESPACE, SCORES_KEY } from "./control-headers.ts";
import type { RequestError } from "./request-error.ts";

/** Body chunks stay below the 64 KB that Envoy recommends, as upstream's (llm-d-router, `pkg/common/envoy/chunking.go`). */
const MAX_CHUNK_BYTES = 62_000;

type Phase = "requestBody" | "responseBody";

export interface Routing {
  /** `ip:port`, or several separated by commas, best first. */
  readonly destination: string;
  /** Bytes of the body that follows; undefined when none does. */
  readonly bodyBytes?: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly removeHeaders?: readonly string[];
  /** Weighted totals by `ip:port`. */
  readonly scores?: Readonly<Record<string, number>>;
}

/** Tells the gateway where the request goes: in a header and in dynamic metadata, which never differ. */
export function routed({ destination, bodyBytes, headers, removeHeaders = [], scores }: Routing): ProcessingResponse {
  const set: [string, string][] = [[DESTINATION_HEADER, destination]];
  // The gateway drops the length when it streams the body through us.
  if (bodyBytes !== undefined && bodyBytes > 0) set.push(["content-length", String(bodyBytes)]);
  const keys: Record<string, StructValue> = { [DESTINATION_HEADER]: { stringValue: destination } };
  if (scores !== undefined) keys[SCORES_KEY] = { structValue: { fields: numbers(scores) } };
  const changed = mutation([...set, ...headers]);
  const headerMutation = removeHeaders.length === 0 ? changed : { ...changed, removeHeaders };
  return {
    requestHeaders: { response: { clearRouteCache: true, headerMutation } },
    dynamicMetadata: { fields: { [LB_NAMESPACE]: { structValue: { fields: keys } } } } satisfies Struct,
  };
}

/** Sends a body on in chunks; the last one ends the stream unless trailers do. An empty body is one empty chunk. */
export function* bodyChunks(phase: Phase, body: Uint8Array, endOfStream: boolean): Generator<ProcessingResponse> {
  let from = 0;
  do {
    const to = Math.min(from + MAX_CHUNK_BYTES, body.length);
    const isLast = to === body.length;
    const streamedResponse = { body: body.subarray(from, to), endOfStream: endOfStream && isLast };
    const response = { response: { bodyMutation: { streamedResponse } } };
    yield phase === "requestBody" ? { requestBody: response } : { responseBody: response };
    from = to;
  } while (from < body.length);
}

export function responseHeaders(headers: readonly (readonly [string, string])[]): ProcessingResponse {
  return { responseHeaders: { response: { headerMutation: mutation(headers) } } };
}

/** Answers the client at once. */
export function refused(error: RequestError): ProcessingResponse {
  const headers =
    error.droppedReason === undefined ? {} : { headers: mutation([[DROPPED_REASON_HEADER, error.droppedReason]]) };
  return { immediateResponse: { status: { code: error.status }, body: Buffer.from(error.body), ...headers } };
}

function mutation(headers: readonly (readonly [string, string])[]): HeaderMutation {
  return { setHeaders: headers.map(([key, value]) => ({ header: { key, rawValue: Buffer.from(value) } })) };
}

function numbers(values: Readonly<Record<string, number>>): Record<string, StructValue> {
  return Object.fromEntries(Object.entries(values).map(([key, numberValue]) => [key, { numberValue }]));
}
