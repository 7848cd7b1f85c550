import type { Rejected } from "../framework/decision.ts";

/** Answers to requests that are turned away. Source: llm-d-router `pkg/common/error`, `requestcontrol/director.go`. */
export const REJECTIONS = {
  saturated: { kind: "rejected", status: 429, message: "system saturated, sheddable request dropped" },
  noCandidates: {
    kind: "rejected",
    status: 503,
    reason: "rejected-no-endpoints",
    message: "failed to find endpoint candidates for serving the request",
  },
  emptied: {
    kind: "rejected",
    status: 429,
    reason: "rejected-saturated",
    message: "no endpoints available for the given request",
  },
  notCached: { kind: "rejected", status: 412, message: "no decode worker has the requested KV cache" },
  emptyPool: { kind: "rejected", status: 500, message: "no pods available in datastore" },
} as const satisfies Readonly<Record<string, Rejected>>;

/** No profile ran, or none whose choice counts. */
export const noTarget = (requestId: string | number): Rejected => ({
  kind: "rejected",
  status: 429,
  message: `failed to find target endpoint: failed to run any scheduler profile for request ${requestId}`,
});
