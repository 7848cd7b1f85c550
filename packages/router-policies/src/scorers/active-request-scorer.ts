import * as z from "zod";
import { defineScorer } from "../framework/plugin.ts";
import { INFLIGHT_LOAD_PRODUCER } from "../producers/inflight-load-producer.ts";

const parameters = z.strictObject({
  idleThreshold: z.int().default(0).describe("requests up to which an endpoint counts as idle; below 0: 0"),
  maxBusyScore: z.number().default(1).describe("best score of a busy endpoint; outside 0 to 1: 1"),
  inFlightLoadProducerName: z.string().optional().describe(`default ${INFLIGHT_LOAD_PRODUCER}`),
  requestTimeout: z.unknown().optional().describe("ignored"),
});

/** c ≤ idle → 1; else (max − c) / max · maxBusyScore over in-flight requests c (llm-d-router, `scorer/activerequest`). */
export const activeRequestScorer = defineScorer<z.output<typeof parameters>>({
  type: "active-request-scorer",
  summary: "Prefers endpoints with fewer requests in flight from this router",
  parameters,
  requires: (given) => [{ kind: "in-flight-load", producer: given.inFlightLoadProducerName || INFLIGHT_LOAD_PRODUCER }],
  create(given, context) {
    const load = context.data("in-flight-load", given.inFlightLoadProducerName || INFLIGHT_LOAD_PRODUCER);
    const idle = Math.max(given.idleThreshold, 0);
    const maxBusy = given.maxBusyScore < 0 || given.maxBusyScore > 1 ? 1 : given.maxBusyScore;
    return {
      score(_request, endpoints, scores) {
        const { requests } = load;
        let max = 0;
        for (let i = 0; i < endpoints.length; i++) max = Math.max(max, requests[endpoints[i]!.slot] ?? 0);
        for (let i = 0; i < endpoints.length; i++) {
          const count = requests[endpoints[i]!.slot] ?? 0;
          scores[i] = count <= idle ? 1 : ((max - count) / max) * maxBusy;
        }
      },
      facts: (endpoint) => `${load.requests[endpoint.slot] ?? 0} requests in flight`,
    };
  },
});
