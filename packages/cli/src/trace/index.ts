export { openTrace } from "./open-trace.ts";
export { readTrace } from "./read-trace.ts";
export { traceCatalogue } from "./trace-catalogue.ts";
export { traceConvert, traceSample, type WrittenTrace } from "./trace-convert.ts";
export { traceFetch } from "./trace-fetch.ts";
export { traceInfo } from "./trace-info.ts";
export { traceValidate } from "./trace-validate.ts";
