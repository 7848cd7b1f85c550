import type { EndpointFacts } from "@windtunnel/router-policies";

/** The format of a recording that this program writes, and the newest that it reads. */
export const RECORDING_VERSION = 1;

/** What a router is built from. */
export interface RecordedConfiguration {
  /** Names the text in messages. */
  readonly file: string;
  readonly text: string;
  readonly strict: boolean;
  readonly allowExperimentalPlugins: boolean;
}

/** Values of an endpoint's metrics as far as they have changed; numbers that JSON cannot hold are their names. */
export type RecordedMetrics = Readonly<Record<string, unknown>>;

/** An endpoint at the start of a segment: its number, facts and metrics. */
export type RecordedEndpoint = readonly [number: number, facts: EndpointFacts, metrics: RecordedMetrics];

/** First line of every segment. */
export interface RecordingHeader {
  /** Version of the format. */
  readonly windtunnelRecording: number;
  /** Names the process's run: a folder may hold several, each with a salt of its own. */
  readonly run: string;
  /** Number of the segment within its run, from 1: a router starts empty there, so that an exact replay begins there. */
  readonly segment: number;
  /** Wall-clock time of the moment 0 of all times, milliseconds since 1970. */
  readonly wallClockOriginMs: number;
  readonly startedAtUs: number;
  readonly configuration: RecordedConfiguration;
  readonly seed: string;
  readonly ignoreSubset: boolean;
  readonly endpoints: readonly RecordedEndpoint[];
}

/** Keys of one prompt's blocks that a policy asked for; `partial` 1: with the last, partly filled block. */
export type RecordedKeys = readonly [blockSizeTokens: number, partial: 0 | 1, prompt: number, keys: string];

/** What the router knew of a request; names that are no numbers, models or known addresses are salted hashes. */
export interface RecordedFacts {
  readonly model: string;
  readonly promptTokens: number;
  readonly promptCount: number;
  readonly maxOutputTokens?: number;
  readonly priority: number;
  readonly fairness: string;
  readonly objective?: string;
  readonly ttftSloMs?: number;
  readonly tpotSloMs?: number;
  readonly session?: string;
  readonly subset?: readonly string[];
  readonly onlyIfCached?: true;
  readonly multimodal?: true;
  readonly streaming?: true;
  readonly bodyBytes: number;
  /** From the request's headers to the decision. */
  readonly waitedUs: number;
  readonly keys?: readonly RecordedKeys[];
  /** Headers and cookies (`cookieEntry`) that policies read; null: the request had none of that name. */
  readonly headers?: Readonly<Record<string, string | null>>;
  /** Endpoints scraped without a change since the last decision: number, age at this one, number, age, … */
  readonly scraped?: readonly number[];
}

/** Where `headers` has a cookie: no header's name has a space. */
export const cookieEntry = (name: string): string => `cookie ${name}`;

/** What came of a request. */
export type RecordedDecision =
  | {
      /** Numbers of the targets, best first. */
      readonly to: readonly number[];
      readonly ticket: number;
      /** Every profile that ran, where that is more than one. */
      readonly profiles?: readonly (readonly [profile: string, targets: readonly number[]])[];
      readonly decisionUs: number;
      /** Of the primary profile, where the decision was explained. */
      readonly margin?: number;
    }
  | { readonly refused: number; readonly reason?: string; readonly decisionUs: number }
  | { readonly threw: true };

/** How a response ended; tokens as the engine's `usage` counts them. */
export interface RecordedEnd {
  readonly end: string;
  readonly status?: number;
  readonly promptTokens?: number;
  readonly outputTokens?: number;
  readonly cachedTokens?: number;
  readonly bytes: number;
  /** Number of the endpoint that answered, where that is not the first target. */
  readonly served?: number;
}

/** A candidate's decision beside the recorded one. */
export interface RecordedShadow {
  readonly outcome: string;
  readonly to: readonly number[];
  readonly margin?: number;
  readonly prefixTokens?: number;
  readonly livePrefixTokens?: number;
}

/** A line after the first: its kind, its time in microseconds, and what happened. */
export type RecordedEvent =
  | readonly ["endpoint", number, number: number, facts: EndpointFacts]
  | readonly ["gone", number, number: number]
  | readonly ["metrics", number, number: number, changed: RecordedMetrics]
  | readonly ["kv", number, number: number, type: string, medium: string, blockSizeTokens: number, keys: string | null]
  | readonly ["request", number, request: number, facts: RecordedFacts, decision: RecordedDecision]
  | readonly ["bodyless", number, request: number, facts: RecordedFacts, decision: RecordedDecision]
  | readonly ["shadow", number, request: number, shadow: RecordedShadow]
  | readonly ["started", number, request: number]
  | readonly ["ended", number, request: number, ended: RecordedEnd]
  | readonly ["gap", number, lines: number];

/** Name of a segment's file; one that is still written, or was when its process died, has `.partial` behind it. */
export const SEGMENT_FILE = /^recording-(\d{6,})\.ndjson\.gz(\.partial)?$/;

export const segmentFile = (number: number): string => `recording-${String(number).padStart(6, "0")}.ndjson.gz`;

/** A number as JSON can hold it. */
export const jsonNumber = (value: unknown): unknown =>
  typeof value === "number" && !Number.isFinite(value) ? String(value) : value;

const NON_FINITE: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  "-Infinity": Number.NEGATIVE_INFINITY,
};

/** Undoes `jsonNumber`. */
export const numberOfJson = (value: unknown): unknown =>
  typeof value === "string" && Object.hasOwn(NON_FINITE, value) ? NON_FINITE[value] : value;
