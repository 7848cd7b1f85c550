import { defineScorer } from "../framework/plugin.ts";
import { PRECISE_PREFIX_CACHE_PRODUCER } from "../producers/precise-prefix-cache-producer.ts";
import { type PrecisePrefixParameters, precisePrefixParameters } from "../producers/precise-prefix-parameters.ts";
import { createPrefixScorer } from "./prefix-cache-scorer.ts";

/** Deprecated: precise-prefix-cache-producer and prefix-cache-scorer in one. */
export const precisePrefixCacheScorer = defineScorer<PrecisePrefixParameters>({
  type: "precise-prefix-cache-scorer",
  summary: "Deprecated: precise-prefix-cache-producer and prefix-cache-scorer in one",
  parameters: precisePrefixParameters,
  requires: () => [{ kind: "prefix-match", producer: PRECISE_PREFIX_CACHE_PRODUCER }],
  brings: (given) => [{ type: PRECISE_PREFIX_CACHE_PRODUCER, parameters: given }],
  create: (_given, context) => createPrefixScorer(context.data("prefix-match", PRECISE_PREFIX_CACHE_PRODUCER), 0, 8192),
});
