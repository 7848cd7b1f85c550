export { type OpenTraceOptions, openTrace } from "./open-trace.ts";
export { type ReadTraceOptions, readTrace } from "./read-trace.ts";
export { traceCatalogue } from "./trace-catalogue.ts";
export { traceConvert, traceSample, type WrittenTrace } from "./trace-convert.ts";
export { traceFetch } from "./trace-fetch.ts";
export { type TraceInfoFileOptions, traceInfo } from "./trace-info.ts";
export { traceValidate } from "./trace-validate.ts";
