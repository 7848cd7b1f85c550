import type { PlainHolding } from "./plain-kv-cache.ts";

/** A request as the plain engine sees it. */
export interface PlainRequest {
  readonly slot: number;
  readonly row: number;
  /** Since when it waits. */
  readyUs: number;
  readonly priority: number;
  readonly holding: PlainHolding;
  readonly promptTokens: number;
  readonly outputTokens: number;
  computedTokens: number;
  generatedTokens: number;
  lastTokenUs: number;
  /** Its prefill is done; a preemption ends that. */
  decoding: boolean;
  /** Waiting with its blocks, which were filled from elsewhere. */
  loaded: boolean;
  preempted: boolean;
  /** Loaded up to its last token, which it computes in this step. */
  single: boolean;
}

/** Tokens to compute before the next one is sampled. */
export const numTokens = (request: PlainRequest): number => request.promptTokens + request.generatedTokens;

export const byPriority = (a: PlainRequest, b: PlainRequest): number =>
  a.priority - b.priority || a.readyUs - b.readyUs || a.row - b.row;
