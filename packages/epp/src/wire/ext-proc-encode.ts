import type {
  BodyMutation,
  CommonResponse,
  HeaderMutation,
  HeaderValue,
  ImmediateResponse,
  ProcessingResponse,
} from "./ext-proc.ts";
import { ProtobufWriter } from "./protobuf-writer.ts";
import { writeStruct } from "./struct-codec.ts";

/** Writes a ProcessingResponse. */
export function encodeProcessingResponse(response: ProcessingResponse): Buffer {
  const writer = new ProtobufWriter(expectedBytes(response));
  writeResponse(writer, response);
  return writer.finish();
}

/** Writes a ProcessingResponse behind gRPC's prefix, for `GrpcCall.sendFrame`: nothing is copied after that. */
export function encodeProcessingResponseFrame(response: ProcessingResponse): Buffer {
  const writer = new ProtobufWriter(expectedBytes(response));
  writeResponse(writer, response);
  return writer.finishFrame();
}

/** A guess that is rarely too small: a body as it is, else a kilobyte of headers. */
function expectedBytes(response: ProcessingResponse): number {
  const body = (response.requestBody ?? response.responseBody)?.response.bodyMutation?.streamedResponse?.body;
  if (body !== undefined) return body.length + 48;
  return response.requestHeaders === undefined && response.responseHeaders === undefined ? 256 : 1024;
}

function writeResponse(writer: ProtobufWriter, response: ProcessingResponse): void {
  if (response.dynamicMetadata !== undefined) {
    const mark = writer.mark;
    writeStruct(writer, response.dynamicMetadata);
    writer.message(66, mark);
  }
  if (response.requestHeaders !== undefined) writeCommon(writer, 10, response.requestHeaders.response);
  else if (response.responseHeaders !== undefined) writeCommon(writer, 18, response.responseHeaders.response);
  else if (response.requestBody !== undefined) writeCommon(writer, 26, response.requestBody.response);
  else if (response.responseBody !== undefined) writeCommon(writer, 34, response.responseBody.response);
  else if (response.requestTrailers !== undefined) writeTrailers(writer, 42, response.requestTrailers.headerMutation);
  else if (response.responseTrailers !== undefined) writeTrailers(writer, 50, response.responseTrailers.headerMutation);
  else if (response.immediateResponse !== undefined) writeImmediate(writer, response.immediateResponse);
}

/** HeadersResponse and BodyResponse look alike: field 1 is a CommonResponse. */
function writeCommon(writer: ProtobufWriter, tag: number, response: CommonResponse): void {
  const mark = writer.mark;
  if (response.clearRouteCache === true) writer.uint32(40, 1);
  if (response.bodyMutation !== undefined) writeBodyMutation(writer, response.bodyMutation);
  if (response.headerMutation !== undefined) writeHeaderMutation(writer, 18, response.headerMutation);
  writer.message(10, mark);
  writer.message(tag, mark);
}

function writeTrailers(writer: ProtobufWriter, tag: number, mutation: HeaderMutation | undefined): void {
  const mark = writer.mark;
  if (mutation !== undefined) writeHeaderMutation(writer, 10, mutation);
  writer.message(tag, mark);
}

function writeImmediate(writer: ProtobufWriter, response: ImmediateResponse): void {
  const mark = writer.mark;
  if (response.details !== undefined && response.details !== "") writer.string(42, response.details);
  if (response.body !== undefined && response.body.length > 0) writer.bytes(26, response.body);
  if (response.headers !== undefined) writeHeaderMutation(writer, 18, response.headers);
  const status = writer.mark;
  if (response.status.code !== 0) writer.uint32(8, response.status.code);
  writer.message(10, status);
  writer.message(58, mark);
}

function writeBodyMutation(writer: ProtobufWriter, mutation: BodyMutation): void {
  const mark = writer.mark;
  const streamed = mutation.streamedResponse;
  if (streamed !== undefined) {
    if (streamed.endOfStream) writer.uint32(16, 1);
    if (streamed.body.length > 0) writer.bytes(10, streamed.body);
    writer.message(26, mark);
  }
  writer.message(26, mark);
}

function writeHeaderMutation(writer: ProtobufWriter, tag: number, mutation: HeaderMutation): void {
  const mark = writer.mark;
  const removed = mutation.removeHeaders;
  if (removed !== undefined)
    for (let index = removed.length - 1; index >= 0; index -= 1) writer.string(18, removed[index]!);
  const set = mutation.setHeaders;
  if (set !== undefined)
    for (let index = set.length - 1; index >= 0; index -= 1) {
      const option = set[index]!;
      const at = writer.mark;
      if (option.appendAction !== undefined && option.appendAction !== 0) writer.uint32(24, option.appendAction);
      writeHeader(writer, option.header);
      writer.message(10, at);
    }
  writer.message(tag, mark);
}

function writeHeader(writer: ProtobufWriter, header: HeaderValue): void {
  const mark = writer.mark;
  if (header.rawValue !== undefined && header.rawValue.length > 0) writer.bytes(26, header.rawValue);
  if (header.value !== undefined && header.value !== "") writer.string(18, header.value);
  if (header.key !== "") writer.string(10, header.key);
  writer.message(10, mark);
}
