/** What a caller's `traceparent` says. */
export interface ParentContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const CURRENT_VERSION = "00";
const INVALID_VERSION = "ff";

/** Reads the header `traceparent`; undefined when it is none (W3C Trace Context, section 3.2). */
export function parentContext(header: string | undefined): ParentContext | undefined {
  const found = TRACEPARENT.exec(header?.trim() ?? "");
  if (found === null) return undefined;
  const [, version, traceId = "", spanId = "", flags = "", rest] = found;
  if (version === INVALID_VERSION || (version === CURRENT_VERSION && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1 };
}

export function traceparent({ traceId, spanId, traceFlags }: ParentContext): string {
  return `${CURRENT_VERSION}-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}
