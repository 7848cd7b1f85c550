import type { AttentionLayers } from "../../model/architecture.ts";
import type { DevicePeaks } from "./device.ts";
import { attendedPairs } from "./ideal.ts";
import type { RooflineOptions } from "./options.ts";

/** Of FP8 peak and of memory bandwidth (`assumed`: no table has the kernel). */
const EFFICIENCY = 0.5;

/** Time of scoring every earlier token, which picks those that a sparse layer attends to. */
export interface IndexerTime {
  prefillUs(newTokens: number, cachedTokens: number): number;
  decodeUs(summedContextTokens: number): number;
}

const NO_INDEXER: IndexerTime = { prefillUs: () => 0, decodeUs: () => 0 };

/** Every indexer head scores each pair, on every device: the keys are not divided by tensor parallelism. */
export function indexerTime(options: RooflineOptions, { indexer }: AttentionLayers, peaks: DevicePeaks): IndexerTime {
  if (indexer === undefined) return NO_INDEXER;
  const flopsPerUs = EFFICIENCY * (peaks.fp8FlopsPerUs ?? peaks.bfloat16FlopsPerUs);
  const perPairUs = (2 * indexer.heads * indexer.headDim) / (flopsPerUs * indexer.tokensPerKey);
  const perKeyUs = indexer.bytesPerToken / (EFFICIENCY * peaks.bytesPerUs);
  const queries = (options.draftTokens ?? 0) + 1;
  return {
    prefillUs: (newTokens, cachedTokens) =>
      Math.max(perPairUs * attendedPairs(newTokens, cachedTokens), perKeyUs * (newTokens + cachedTokens)),
    decodeUs: (summedContextTokens) => Math.max(perPairUs * queries, perKeyUs) * summedContextTokens,
  };
}
