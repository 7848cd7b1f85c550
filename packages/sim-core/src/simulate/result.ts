import type { LinkSummary } from "../network/shared-links.ts";
import type { TierColumns, TierResults } from "../tiers/tier-results.ts";

/** How a request ended. */
export const Outcome = {
  /** Still under way or not sent when the run was stopped. */
  unfinished: 0,
  completed: 1,
  /** The router turned it away. */
  rejected: 2,
  /** Prompt longer than the model allows, or than the replica's whole KV cache. */
  refusedTooLong: 3,
  /** Its client went away before its last token. */
  cancelled: 4,
  /** Its client waited for its last token for as long as clients do. */
  timedOut: 5,
  /** The gateway had as many in flight as it lets through. */
  overflowed: 6,
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

/** One row per request, in the workload's order. Times are integer microseconds, NaN where the thing never happened. */
export interface RequestColumns {
  readonly count: number;
  readonly promptTokens: Int32Array;
  /** Tokens that were generated (asked for, less what the model's length cut off); of a client that went, asked for. */
  readonly outputTokens: Int32Array;
  /** When the request reached the router. */
  readonly arrivalUs: Float64Array;
  /** Start of the first step that computed it. */
  readonly scheduledUs: Float64Array;
  readonly firstTokenUs: Float64Array;
  readonly finishUs: Float64Array;
  /** Index of the replica over all pools, -1 for none. */
  readonly replica: Int32Array;
  /** Prompt tokens found in the prefix cache at first admission, those loaded from tiers below it included. */
  readonly cachedTokens: Int32Array;
  readonly preemptions: Uint16Array;
  /** An Outcome each. */
  readonly outcome: Uint8Array;
  /** Images, audio and video in the prompt; only of a workload that has some. */
  readonly items?: Int32Array;
  /** Only of such a workload on a fleet whose pods may encode for one another. */
  readonly encode?: EncodeColumns;
  /** Only of a fleet whose pods may prefill for one another. */
  readonly disaggregation?: DisaggregationColumns;
  /** Only of a fleet with tiers below HBM. */
  readonly tiers?: TierColumns;
  /** Only of a fleet that serves LoRA adapters. */
  readonly lora?: LoraColumns;
}

/** What requests had to do with adapters, those that asked for none included. */
export interface LoraColumns {
  readonly adapters: readonly string[];
  /** Index into `adapters`, -1 for none. */
  readonly adapterOf: Int32Array;
  /** Of its first step, what its adapter took that was not in a slot. */
  readonly loadUs: Float64Array;
  /** When it was first passed over, as its adapter had no place in the batch. */
  readonly skippedUs: Float64Array;
}

/** Adapters that were put into the slots of one replica, by where they were, and how long its steps waited for them. */
export interface AdapterLoads {
  readonly fromHost: number;
  readonly fromStorage: number;
  readonly waitUs: number;
}

/** Of requests whose images, audio and video were encoded on other replicas; NaN, -1 and 0 for the others. */
export interface EncodeColumns {
  /** Replica that the router had the first item encoded on, -1 for none. */
  readonly encodeReplica: Int32Array;
  /** Start of the first step that encoded one. */
  readonly encodeScheduledUs: Float64Array;
  /** When the last one was encoded. */
  readonly encodeFinishUs: Float64Array;
  /** When the embeddings were asked for by who computes the prompt, and when the last had come. */
  readonly embeddingsStartUs: Float64Array;
  readonly embeddingsEndUs: Float64Array;
  readonly embeddingsBytes: Float64Array;
}

/** Of requests that were prefilled on one replica and decoded on another; NaN, -1 and 0 for the others. */
export interface DisaggregationColumns {
  /** Replica that the router had the prompt computed on, -1 for none. */
  readonly prefillReplica: Int32Array;
  readonly prefillFinishUs: Float64Array;
  /** When the decode replica had taken its blocks and the first byte was asked for. */
  readonly transferStartUs: Float64Array;
  readonly transferEndUs: Float64Array;
  readonly transferredBytes: Float64Array;
  /** Prompt tokens that the decode replica had cached and did not fetch. */
  readonly decodeCachedTokens: Int32Array;
  /** Start of the first step that computed it on the decode replica. */
  readonly decodeScheduledUs: Float64Array;
  /** Calls of its prefill pod that failed. */
  readonly prefillFailures: Uint8Array;
  /** 1 where the prefill pod held its blocks for too long, or the decode pod waited for them for too long. */
  readonly holdTimeouts: Uint8Array;
}

/** What one replica did. */
export interface ReplicaSummary {
  readonly name: string;
  readonly pool: string;
  readonly steps: number;
  readonly busyUs: number;
  readonly completed: number;
  /** Prompts that it computed for other replicas; only of a fleet whose pods may do that. */
  readonly prefilledForOthers?: number;
  /** Only of a replica that serves LoRA adapters. */
  readonly adapterLoads?: AdapterLoads;
  /** Images, audio and video that it encoded for other replicas; only of a fleet whose pods may do that. */
  readonly encodedForOthers?: number;
  readonly prefillTokens: number;
  readonly decodeTokens: number;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly preemptions: number;
  readonly evictedBlocks: number;
  readonly peakRunning: number;
  readonly peakWaiting: number;
  readonly peakKvUsageFraction: number;
}

/** Gauges of all replicas at a common grid of times: value of replica r at sample s is `field[s * replicas + r]`. */
export interface Series {
  readonly intervalUs: number;
  readonly samples: number;
  readonly replicas: number;
  readonly running: Float64Array;
  readonly waiting: Float64Array;
  readonly kvUsageFraction: Float64Array;
}

/** Counts of inter-token gaps in logarithmic buckets: exact counts, widths of 1/64 octave (about 1 %). */
export interface ItlHistogram {
  readonly counts: Float64Array;
  /** Lower edge of a bucket in microseconds. */
  readonly bucketLowUs: (bucket: number) => number;
}

export interface SimulationResult {
  readonly requests: RequestColumns;
  readonly replicas: readonly ReplicaSummary[];
  readonly itl: ItlHistogram;
  readonly series?: Series;
  /** Only of a fleet with tiers below HBM. */
  readonly kvTiers?: TierResults;
  /** Links that carried something, for whomever; only of a fleet that may send KV blocks somewhere. */
  readonly links?: readonly LinkSummary[];
  /** Time of the last event. */
  readonly endUs: number;
  readonly events: number;
  /** True when the caller stopped it. */
  readonly stopped: boolean;
}
