import { fromStruct, type ProtoStruct, toStruct } from "./struct-value.ts";

const DESTINATION = "x-gateway-destination-endpoint";
const SCORES = "x-gateway-destination-endpoint-scores";
const SUBSET_NAMESPACE = "envoy.lb.subset_hint";
const SUBSET_KEY = "x-gateway-destination-endpoint-subset";

interface ProtoHeader {
  readonly key: string;
  readonly value?: string;
  readonly rawValue?: Buffer;
}

interface ProtoMutation {
  readonly setHeaders?: readonly { readonly header: ProtoHeader }[];
}

export interface ProtoCommon {
  readonly response?: {
    readonly headerMutation?: ProtoMutation;
    readonly bodyMutation?: { readonly streamedResponse?: { readonly body?: Buffer; readonly endOfStream?: boolean } };
    readonly clearRouteCache?: boolean;
  };
}

/** A message from the Endpoint Picker, as decoded. */
export interface ProtoResponse {
  readonly requestHeaders?: ProtoCommon;
  readonly responseHeaders?: ProtoCommon;
  readonly requestBody?: ProtoCommon;
  readonly responseBody?: ProtoCommon;
  readonly requestTrailers?: object;
  readonly responseTrailers?: object;
  readonly immediateResponse?: {
    readonly status?: { readonly code?: number };
    readonly headers?: ProtoMutation;
    readonly body?: Buffer;
  };
  readonly dynamicMetadata?: ProtoStruct;
}

export type ProtoRequest = Readonly<Record<string, unknown>>;
/** A request as a gateway would tell of it. */
export interface GatewayRequest {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Absent = the headers end the stream. */
  readonly body?: string | Uint8Array | object;
  /** Sizes of the pieces that the body comes in; the rest in one. */
  readonly chunkBytes?: readonly number[];
  readonly subset?: readonly string[] | string;
}

/** How an Endpoint Picker answered the request half of a stream. */
export interface Routing {
  readonly destination?: string;
  readonly destinationInMetadata?: string;
  /** Weighted totals by `ip:port`. */
  readonly scores?: Readonly<Record<string, number>>;
  readonly setHeaders: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly chunkBytes: readonly number[];
  /** The client was to be answered at once. */
  readonly immediate?: { readonly status: number; readonly body: string; readonly headers: Record<string, string> };
  /** The stream ended with this gRPC status instead. */
  readonly failed?: { readonly code: number; readonly details: string };
  /** The stream ended cleanly with nothing more to come. */
  readonly ended: boolean;
}

export interface GatewayResponse {
  readonly status?: number;
  readonly contentType?: string;
  readonly chunks?: readonly (string | Uint8Array)[];
  readonly served?: string;
}

/** What came of the response half. */
export interface Responded {
  readonly setHeaders: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly failed?: { readonly code: number; readonly details: string };
}

export function destinationOf(
  answer: ProtoCommon,
  metadata: ProtoStruct | undefined,
): Partial<Routing> & Pick<Routing, "setHeaders"> {
  const setHeaders = headersOf(answer.response?.headerMutation);
  const told = (fromStruct(metadata)["envoy.lb"] ?? {}) as Record<string, unknown>;
  const scores = told[SCORES] as Record<string, number> | undefined;
  const inMetadata = told[DESTINATION] as string | undefined;
  return {
    setHeaders,
    ...(setHeaders[DESTINATION] === undefined ? {} : { destination: setHeaders[DESTINATION] }),
    ...(inMetadata === undefined ? {} : { destinationInMetadata: inMetadata }),
    ...(scores === undefined ? {} : { scores }),
  };
}

export function answered(
  immediate: NonNullable<ProtoResponse["immediateResponse"]>,
): NonNullable<Routing["immediate"]> {
  const { status, body, headers } = immediate;
  return { status: status?.code ?? 0, body: body?.toString() ?? "", headers: headersOf(headers) };
}

export function headersOf(mutation: ProtoMutation | undefined): Record<string, string> {
  const entries = (mutation?.setHeaders ?? []).map(({ header }) => [
    header.key.toLowerCase(),
    header.rawValue?.length ? header.rawValue.toString() : (header.value ?? ""),
  ]);
  return Object.fromEntries(entries);
}

export function headerMap(headers: Readonly<Record<string, string>>): object {
  return { headers: Object.entries(headers).map(([key, value]) => ({ key, rawValue: Buffer.from(value) })) };
}

export function subsetMetadata(subset: readonly string[] | string): ProtoRequest {
  return { metadataContext: { filterMetadata: { [SUBSET_NAMESPACE]: toStruct({ [SUBSET_KEY]: subset }) } } };
}

export function bytesOf(body: string | Uint8Array | object): Buffer {
  if (typeof body === "string") return Buffer.from(body);
  return body instanceof Uint8Array ? Buffer.from(body) : Buffer.from(JSON.stringify(body));
}

export function cut(body: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const size of sizes) {
    if (from + size >= body.length) break;
    pieces.push(body.subarray(from, from + size));
    from += size;
  }
  return [...pieces, body.subarray(from)];
}
