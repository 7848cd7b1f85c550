/**
 * The messages of `envoy.service.ext_proc.v3.ExternalProcessor/Process` as far as an Endpoint Picker reads and writes
 * them; `proto/ext_proc.proto` has their numbers. Bytes are views into the received message: keep a copy, not a view.
 */
export interface HeaderValue {
  readonly key: string;
  readonly value?: string;
  /** Wins over `value`. */
  readonly rawValue?: Uint8Array;
}

export interface HeaderMap {
  readonly headers: readonly HeaderValue[];
}

/** google.protobuf.Value, one field set. */
export interface StructValue {
  readonly nullValue?: number;
  readonly numberValue?: number;
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly structValue?: Struct;
  readonly listValue?: { readonly values: readonly StructValue[] };
}

/** google.protobuf.Struct. */
export interface Struct {
  readonly fields: Readonly<Record<string, StructValue>>;
}

export interface HttpHeaders {
  readonly headers?: HeaderMap;
  readonly endOfStream?: boolean;
}

export interface HttpBody {
  readonly body?: Uint8Array;
  readonly endOfStream?: boolean;
}

export interface HttpTrailers {
  readonly trailers?: HeaderMap;
}

/** From Envoy: exactly one of the six phases is set. */
export interface ProcessingRequest {
  readonly requestHeaders?: HttpHeaders;
  readonly requestBody?: HttpBody;
  readonly requestTrailers?: HttpTrailers;
  readonly responseHeaders?: HttpHeaders;
  readonly responseBody?: HttpBody;
  readonly responseTrailers?: HttpTrailers;
  readonly metadataContext?: { readonly filterMetadata: Readonly<Record<string, Struct>> };
}

/** What to do where a header of the same name is there, by Envoy's number. */
export const HEADER_APPEND_ACTION = {
  appendOrAdd: 0,
  addIfAbsent: 1,
  overwriteOrAdd: 2,
  overwriteIfExists: 3,
} as const;
export type HeaderAppendAction = (typeof HEADER_APPEND_ACTION)[keyof typeof HEADER_APPEND_ACTION];

export interface HeaderMutation {
  /** Without an action the header replaces those of its name: Envoy's `append` is false for external processors. */
  readonly setHeaders?: readonly { readonly header: HeaderValue; readonly appendAction?: HeaderAppendAction }[];
  readonly removeHeaders?: readonly string[];
}

export interface BodyMutation {
  readonly streamedResponse?: { readonly body: Uint8Array; readonly endOfStream: boolean };
}

export interface CommonResponse {
  readonly headerMutation?: HeaderMutation;
  readonly bodyMutation?: BodyMutation;
  readonly clearRouteCache?: boolean;
}

export interface ImmediateResponse {
  readonly status: { readonly code: number };
  readonly headers?: HeaderMutation;
  readonly body?: Uint8Array;
  readonly details?: string;
}

/** To Envoy: exactly one of the seven is set, besides the metadata. */
export interface ProcessingResponse {
  readonly requestHeaders?: { readonly response: CommonResponse };
  readonly requestBody?: { readonly response: CommonResponse };
  readonly requestTrailers?: { readonly headerMutation?: HeaderMutation };
  readonly responseHeaders?: { readonly response: CommonResponse };
  readonly responseBody?: { readonly response: CommonResponse };
  readonly responseTrailers?: { readonly headerMutation?: HeaderMutation };
  readonly immediateResponse?: ImmediateResponse;
  readonly dynamicMetadata?: Struct;
}
