import type { HeaderMap, HeaderValue, HttpBody, HttpHeaders, HttpTrailers, ProcessingRequest } from "./ext-proc.ts";
import { ProtobufReader } from "./protobuf-reader.ts";
import { readStructMap } from "./struct-codec.ts";

type Phase = Exclude<keyof ProcessingRequest, "metadataContext">;

/** Phases of a request by their field numbers. */
const PHASES: Readonly<Record<number, Phase>> = {
  2: "requestHeaders",
  3: "responseHeaders",
  4: "requestBody",
  5: "responseBody",
  6: "requestTrailers",
  7: "responseTrailers",
};

/**
 * Reads a ProcessingRequest; its byte fields are views into `bytes`. Fields that it does not know are skipped, and of
 * several phases the last one counts.
 *
 * @throws WireError when the bytes are not such a message.
 */
export function decodeProcessingRequest(bytes: Uint8Array): ProcessingRequest {
  const reader = new ProtobufReader(bytes);
  let phase: Phase | undefined;
  let content: HttpHeaders | HttpBody | HttpTrailers = {};
  let metadataContext: ProcessingRequest["metadataContext"];
  while (reader.more) {
    const tag = reader.tag();
    if ((tag & 7) !== 2 || tag < 18 || tag > 66) {
      reader.skip(tag);
      continue;
    }
    const outer = reader.enter();
    const field = tag >>> 3;
    if (field === 8) metadataContext = { filterMetadata: readStructMap(reader, 1, 0) };
    else {
      phase = PHASES[field]!;
      content = field < 4 ? readHeaders(reader) : field < 6 ? readBody(reader) : readTrailers(reader);
    }
    reader.leave(outer);
  }
  const request: { -readonly [Key in keyof ProcessingRequest]: ProcessingRequest[Key] } = {};
  if (phase !== undefined) (request as Record<Phase, HttpHeaders | HttpBody | HttpTrailers>)[phase] = content;
  if (metadataContext !== undefined) request.metadataContext = metadataContext;
  return request;
}

function readHeaders(reader: ProtobufReader): HttpHeaders {
  const result: { headers?: HeaderMap; endOfStream?: boolean } = {};
  while (reader.more) {
    const tag = reader.tag();
    if (tag === 10) result.headers = readHeaderMap(reader);
    else if (tag === 24) result.endOfStream = reader.bool();
    else reader.skip(tag);
  }
  return result;
}

function readBody(reader: ProtobufReader): HttpBody {
  const result: { body?: Uint8Array; endOfStream?: boolean } = {};
  while (reader.more) {
    const tag = reader.tag();
    if (tag === 10) result.body = reader.bytes();
    else if (tag === 16) result.endOfStream = reader.bool();
    else reader.skip(tag);
  }
  return result;
}

function readTrailers(reader: ProtobufReader): HttpTrailers {
  const result: { trailers?: HeaderMap } = {};
  while (reader.more) {
    const tag = reader.tag();
    if (tag === 10) result.trailers = readHeaderMap(reader);
    else reader.skip(tag);
  }
  return result;
}

function readHeaderMap(reader: ProtobufReader): HeaderMap {
  const outer = reader.enter();
  const headers: HeaderValue[] = [];
  while (reader.more) {
    const tag = reader.tag();
    if (tag === 10) headers.push(readHeaderValue(reader));
    else reader.skip(tag);
  }
  reader.leave(outer);
  return { headers };
}

function readHeaderValue(reader: ProtobufReader): HeaderValue {
  const outer = reader.enter();
  const header: { key: string; value?: string; rawValue?: Uint8Array } = { key: "" };
  while (reader.more) {
    const tag = reader.tag();
    if (tag === 10) header.key = reader.string();
    else if (tag === 26) header.rawValue = reader.bytes();
    else if (tag === 18) header.value = reader.string();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return header;
}
