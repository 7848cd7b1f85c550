import { counterUniform, streamId } from "../../kernel/random.ts";
import type { SyntheticSpec } from "../generator-schema.ts";
import { categoricalQuantile, GuidedQuantile, lengthSampler, zipfWeights } from "./distributions.ts";

/** The system prompts of a synthetic workload; group g is segment g. */
export interface PrefixGroups {
  readonly count: number;
  /** Length of each group's prefix. */
  readonly tokens: Int32Array;
  /** Group of request (or session) `index`. */
  groupAt(index: number): number;
}

/** The prefix groups of a specification that will be asked for about `draws` requests, or undefined without any. */
export function prefixGroups(spec: SyntheticSpec, draws: number, seed: number): PrefixGroups | undefined {
  const shared = spec.sharedPrefixes;
  if (shared === undefined) return undefined;
  const length = lengthSampler(shared.tokens, shared.groups);
  const lengthStream = streamId("synthetic/prefix-length");
  const groupStream = streamId("synthetic/prefix-group");
  const popularity = new GuidedQuantile(categoricalQuantile(zipfWeights(shared.groups, shared.zipfExponent)), draws);
  return {
    count: shared.groups,
    tokens: Int32Array.from({ length: shared.groups }, (_, group) =>
      length.tokensAt(counterUniform(seed, lengthStream, group)),
    ),
    groupAt: (index) => popularity.at(counterUniform(seed, groupStream, index)),
  };
}
