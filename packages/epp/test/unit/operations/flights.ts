import type { DecisionRecord } from "@windtunnel/router-policies";
import type { ArrivedRequest } from "../../../src/host/arrived-request.ts";
import type { Flight, Refusal } from "../../../src/host/flight.ts";

/** A request with the facts given and plain ones for the rest; it came at 1 s. */
export function request(facts: Partial<ArrivedRequest> = {}): ArrivedRequest {
  return {
    id: "r-1",
    path: "/v1/completions",
    model: "llama",
    targetModel: "llama",
    streaming: false,
    bodyBytes: 300,
    promptTokens: 100,
    promptCount: 1,
    priority: 0,
    fairnessId: "default-flow",
    receivedAtUs: 1_000_000,
    header: () => undefined,
    promptKeys: () => ({ length: 0, hi: new Int32Array(0), lo: new Int32Array(0) }),
    ...facts,
  };
}

/** A flight to pod-a, decided 2 ms after it came, in 100 µs. */
export function flight(facts: Partial<ArrivedRequest> = {}, more: Partial<Flight> = {}): Flight {
  return {
    request: request(facts),
    ticket: 1,
    decidedAtUs: 1_002_000,
    decisionUs: 100,
    targets: ["10.0.0.1:8000"],
    targetNames: ["pod-a"],
    profiles: [{ profile: "default", targets: ["10.0.0.1:8000"] }],
    responseBytes: 0,
    ...more,
  };
}

export function refusal(facts: Partial<ArrivedRequest> = {}, more: Partial<Refusal> = {}): Refusal {
  const plain = { status: 429, message: "no endpoints available", reason: "rejected-saturated" } as const;
  return { request: request(facts), decidedAtUs: 1_002_000, decisionUs: 100, ...plain, ...more };
}

export function record(requestId: string, more: Partial<DecisionRecord> = {}): DecisionRecord {
  return {
    requestId,
    timeUs: 1_002_000,
    promptTokens: 100,
    outcome: "dispatched",
    targets: ["10.0.0.1:8000"],
    profiles: [
      {
        profile: "default",
        primary: true,
        filters: [{ filter: "decode-filter", dropped: ["pod-c"] }],
        scorers: [{ scorer: "queue-scorer", weight: 2, scores: { "pod-a": 1, "pod-b": 0.5 } }],
        totals: { "pod-a": 2, "pod-b": 1 },
        picker: "max-score-picker",
        tied: [],
        picked: ["pod-a"],
        margin: 1,
      },
    ],
    candidates: ["pod-a", "pod-b", "pod-c"].map((endpoint) => ({
      endpoint,
      waitingQueueSize: 0,
      runningRequestsSize: 0,
      kvCacheUsageFraction: 0,
      metricsAgeUs: 20_000,
    })),
    ...more,
  };
}
