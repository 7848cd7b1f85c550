import * as z from "zod";
import type { DataKey } from "../framework/data.ts";

/** The producer whose counters a baseline reads. */
export const inFlightParameters = z.strictObject({
  inFlightLoadProducerName: z.string().min(1).default("inflight-load-producer"),
});

/** Asks for those counters. */
export const requiresInFlightLoad = (parameters: z.infer<typeof inFlightParameters>): readonly DataKey[] => [
  { kind: "in-flight-load", producer: parameters.inFlightLoadProducerName },
];
