/** What requests took from tiers below HBM; only of a fleet that has some. */
export interface TierColumns {
  /** Where blocks came from: names of tiers, and `peers` for other pods' tiers. */
  readonly sources: readonly string[];
  /** Prompt tokens that were loaded, by source. */
  readonly hitTokens: readonly Int32Array[];
  /** When the blocks of its prompt were asked for, and when the last was there; NaN where nothing was loaded. */
  readonly loadStartUs: Float64Array;
  readonly loadEndUs: Float64Array;
  readonly loadedBytes: Float64Array;
}

/** What one instance of a tier did. */
export interface TierSummary {
  readonly tier: string;
  /** The replica, node or fleet whose it is. */
  readonly of: string;
  readonly capacityBlocks: number;
  readonly usedBlocks: number;
  readonly peakBlocks: number;
  readonly storedBlocks: number;
  readonly evictedBlocks: number;
  /** Read for requests, and from below or by other pods. */
  readonly readBytes: number;
  readonly writtenBytes: number;
}

export interface TierResults {
  readonly tiers: readonly TierSummary[];
}

/** Columns of requests of which none has loaded anything. */
export function emptyTierColumns(sources: readonly string[], count: number): TierColumns {
  return {
    sources,
    hitTokens: sources.map(() => new Int32Array(count)),
    loadStartUs: new Float64Array(count).fill(NaN),
    loadEndUs: new Float64Array(count).fill(NaN),
    loadedBytes: new Float64Array(count),
  };
}
