import type { AttentionLayers } from "../../model/architecture.ts";
import { attendedPairs, pairsInChunks, pairsInWindow } from "./ideal.ts";

/** A kernel's tile of queries is never narrower, and shorter prompts were not measured. */
export const LEAST_ROWS = 16;

/** What a layer attends to of a context. */
export interface AttentionSpan {
  /** Pairs of a new token and one that it attends to. */
  pairs(newTokens: number, cachedTokens: number): number;
  /** Tokens before a chunk that its tokens attend to. */
  cached(cachedTokens: number): number;
  /**
   * Tokens that one decoding sequence attends to. Of a chunk: as if it were full once the context is as long as one, which
   * is never too little and, past the first chunk, on average twice what is read.
   */
  context(contextTokens: number): number;
  /** Length of the whole prompt that a chunk of the same mean context is as efficient as. */
  equivalentLength(newTokens: number, cachedTokens: number): number;
}

/** The span of a kind of layer. */
export function attentionSpan({ kind, spanTokens }: AttentionLayers): AttentionSpan {
  if (kind === "full") {
    return {
      pairs: attendedPairs,
      cached: (tokens) => tokens,
      context: (tokens) => tokens,
      equivalentLength: (fresh, cached) => fresh + 2 * cached,
    };
  }
  const pairs = (fresh: number, cached: number) =>
    kind === "chunked" ? pairsInChunks(fresh, cached, spanTokens) : pairsInWindow(fresh, cached, spanTokens);
  return {
    pairs,
    cached: (tokens) => (kind === "chunked" ? tokens % spanTokens : Math.min(tokens, spanTokens)),
    context: (tokens) => Math.min(tokens, spanTokens),
    // A whole prompt of length L has (L + 1) / 2 pairs a token.
    equivalentLength: (fresh, cached) => Math.max(1, (2 * pairs(fresh, cached)) / fresh - 1),
  };
}
