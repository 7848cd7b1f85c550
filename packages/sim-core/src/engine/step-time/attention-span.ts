import type { AttentionLayers, CompressedRows } from "../../model/architecture.ts";
import { attendedPairs, pairsInChunks, pairsInWindow, pairsWithRows } from "./ideal.ts";

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

/** Length of the whole prompt that a chunk of so many pairs is as efficient as: one of length L has (L + 1) / 2 a token. */
const lengthOfPairs = (pairs: number, newTokens: number) => Math.max(1, (2 * pairs) / newTokens - 1);

/** A window and the rows beside it, counted as tokens; of a row that is not complete yet its part, which is never too little. */
function spanWithRows(spanTokens: number, { tokensPerRow, selectedRows }: CompressedRows): AttentionSpan {
  const pairs = (fresh: number, cached: number) =>
    pairsInWindow(fresh, cached, spanTokens) + pairsWithRows(fresh, cached, tokensPerRow, selectedRows);
  const context = (tokens: number) => Math.min(tokens, spanTokens) + Math.min(tokens / tokensPerRow, selectedRows);
  return {
    pairs,
    cached: context,
    context,
    equivalentLength: (fresh, cached) => lengthOfPairs(pairs(fresh, cached), fresh),
  };
}

/** Contexts at which what one decoding sequence attends to stops growing, or grows by less. */
export function spanBends({ spanTokens, sharedLatent }: AttentionLayers): number[] {
  const rows = sharedLatent?.rows;
  return rows === undefined ? [spanTokens] : [spanTokens, rows.tokensPerRow * rows.selectedRows];
}

/** The span of a kind of layer. */
export function attentionSpan({ kind, spanTokens, sharedLatent }: AttentionLayers): AttentionSpan {
  if (sharedLatent?.rows !== undefined) return spanWithRows(spanTokens, sharedLatent.rows);
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
    equivalentLength: (fresh, cached) => lengthOfPairs(pairs(fresh, cached), fresh),
  };
}
