import * as z from "zod";
import { defineDecider } from "../framework/plugin.ts";
import { APPROX_PREFIX_CACHE_PRODUCER } from "../producers/approx-prefix-cache-producer.ts";
import { TOKEN_PRODUCER } from "../producers/token-producer.ts";

const parameters = z.strictObject({
  nonCachedTokens: z.int().min(0).default(0).describe("tokens that the decode endpoint must lack; 0: never"),
  promptTokens: z.int().min(0).default(0).describe("shortest prompt that is disaggregated; 0: any"),
});

/**
 * Disaggregates when the decode endpoint lacks many of the prompt's tokens: tokens ≥ promptTokens and tokens −
 * cachedBlocks · blockSize ≥ nonCachedTokens. Reads the producers of the default names only, as upstream, unless
 * `strict`. Source: llm-d-router `profilehandler/disagg/prefix_based_pd_decider.go`.
 */
export const prefixBasedPdDecider = defineDecider<z.output<typeof parameters>>({
  type: "prefix-based-pd-decider",
  summary: "Has a prompt computed by a prefill endpoint where the decode endpoint lacks many of its tokens.",
  parameters,
  requires: () => [
    { kind: "prefix-match", producer: APPROX_PREFIX_CACHE_PRODUCER, anyNameIfStrict: true },
    { kind: "tokens", producer: TOKEN_PRODUCER, anyNameIfStrict: true },
  ],
  create({ nonCachedTokens, promptTokens }, context) {
    const match = context.data("prefix-match", APPROX_PREFIX_CACHE_PRODUCER);
    const prompt = context.data("tokens", TOKEN_PRODUCER);
    return {
      disaggregate(_request, decode) {
        if (nonCachedTokens === 0 || decode === undefined || !match.available) return false;
        const tokens = prompt.available ? prompt.promptTokens : 0;
        if (tokens < promptTokens) return false;
        const cachedTokens = (match.cachedBlocks[decode.slot] ?? 0) * match.blockSizeTokens;
        return tokens - cachedTokens >= nonCachedTokens;
      },
    };
  },
});
