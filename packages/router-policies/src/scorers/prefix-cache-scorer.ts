import * as z from "zod";
import type { PrefixMatchData } from "../framework/data.ts";
import { defineScorer, type Scorer } from "../framework/plugin.ts";
import { APPROX_PREFIX_CACHE_PRODUCER } from "../producers/approx-prefix-cache-producer.ts";

const parameters = z.strictObject({
  prefixMatchInfoProducerName: z.string().optional().describe(`default ${APPROX_PREFIX_CACHE_PRODUCER}`),
  matchLengthWeight: z.number().min(0).max(1).default(0).describe("share of the absolute length of the match"),
  matchLengthScaleTokens: z.number().positive().default(8192).describe("match length that counts as full"),
});

/** Share of the prompt that an endpoint has cached (llm-d-router, `scorer/prefix`). */
export const prefixCacheScorer = defineScorer<z.output<typeof parameters>>({
  type: "prefix-cache-scorer",
  summary: "Prefers endpoints that have more of the prompt cached",
  parameters,
  requires: (given) => [
    { kind: "prefix-match", producer: given.prefixMatchInfoProducerName || APPROX_PREFIX_CACHE_PRODUCER },
  ],
  create(given, context) {
    const match = context.data("prefix-match", given.prefixMatchInfoProducerName || APPROX_PREFIX_CACHE_PRODUCER);
    return createPrefixScorer(match, given.matchLengthWeight, given.matchLengthScaleTokens);
  },
});

/** w · min(1, match · blockSize / scale)² + (1 − w) · match / total; 0 without information. */
export function createPrefixScorer(
  match: PrefixMatchData,
  matchLengthWeight: number,
  matchLengthScaleTokens: number,
): Scorer {
  return {
    score(_request, endpoints, scores) {
      const { available, totalBlocks, blockSizeTokens, matchBlocks } = match;
      if (!available || totalBlocks === 0) {
        scores.fill(0, 0, endpoints.length);
        return;
      }
      for (let i = 0; i < endpoints.length; i++) {
        const matched = matchBlocks[endpoints[i]!.slot] ?? 0;
        let score = (1 - matchLengthWeight) * (matched / totalBlocks);
        if (matchLengthWeight > 0) {
          const length = Math.min(1, (matched * blockSizeTokens) / matchLengthScaleTokens);
          score += matchLengthWeight * length * length;
        }
        scores[i] = score;
      }
    },
    facts(endpoint) {
      if (!match.available || match.totalBlocks === 0) return "no prefix information";
      return `${match.matchBlocks[endpoint.slot] ?? 0} of ${match.totalBlocks} blocks of ${match.blockSizeTokens} tokens`;
    },
  };
}
