export { type OpenTraceOptions, openTrace } from "./open-trace.ts";
export { type ReadTrace, type ReadTraceOptions, readTrace } from "./read-trace.ts";
export type { ServeGenSpan } from "./servegen-archive.ts";
export { type CatalogueEntry, traceCatalogue } from "./trace-catalogue.ts";
export { type ConvertTraceOptions, traceConvert, traceSample, type WrittenTrace } from "./trace-convert.ts";
export { type FetchedTrace, type FetchTraceOptions, traceFetch } from "./trace-fetch.ts";
export { type TraceFileInfo, traceInfo } from "./trace-info.ts";
export { type TraceValidation, traceValidate } from "./trace-validate.ts";
export type { TraceTarget } from "./write-trace.ts";
