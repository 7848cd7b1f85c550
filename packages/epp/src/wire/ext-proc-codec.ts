export { decodeProcessingRequest } from "./ext-proc-decode.ts";
export { encodeProcessingResponse, encodeProcessingResponseFrame } from "./ext-proc-encode.ts";
export { WireError } from "./protobuf-reader.ts";
