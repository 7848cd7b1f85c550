import { counterUniform, streamId } from "../../kernel/random.ts";
import type { SyntheticSpec } from "../generator-schema.ts";
import type { WorkloadClass } from "../workload.ts";
import {
  categoricalQuantile,
  chosenLength,
  GuidedQuantile,
  type LengthSampler,
  lengthSampler,
} from "./distributions.ts";

/** The mix of classes of a synthetic workload, and how long the prompts and outputs of each are. */
export interface RequestClasses {
  /** Absent when the specification names none. */
  readonly classes: readonly WorkloadClass[] | undefined;
  /** Class of request (or session) `index`. */
  classAt(index: number): number;
  /** By class. */
  readonly prompt: readonly LengthSampler[];
  readonly output: readonly LengthSampler[];
  readonly promptStream: number;
  /** Equal to the prompt's where prompt and output are drawn as a pair. */
  readonly outputStream: number;
}

/** The classes of a specification that will be asked for about `draws` requests. */
export function requestClasses(spec: SyntheticSpec, draws: number, seed: number): RequestClasses {
  const entries = spec.classes ?? [{ promptTokens: undefined, outputTokens: undefined }];
  const category = new GuidedQuantile(categoricalQuantile(spec.classes?.map(({ weight }) => weight) ?? [1]), draws);
  const stream = streamId("synthetic/class");
  const promptStream = streamId("synthetic/prompt");
  const pairs = pairSamplers(spec, draws);
  return {
    classes: spec.classes?.map(({ name, priority, ttftSlo, tpotSlo }) => ({
      name,
      priority,
      ...(ttftSlo === undefined ? {} : { ttftSloUs: ttftSlo }),
      ...(tpotSlo === undefined ? {} : { tpotSloUs: tpotSlo }),
    })),
    classAt: entries.length === 1 ? () => 0 : (index) => category.at(counterUniform(seed, stream, index)),
    // The schema has made sure that each class has lengths of its own or shares those of the specification.
    prompt: entries.map((entry) => pairs?.prompt ?? lengthSampler(entry.promptTokens ?? spec.promptTokens!, draws)),
    output: entries.map((entry) => pairs?.output ?? lengthSampler(entry.outputTokens ?? spec.outputTokens!, draws)),
    promptStream,
    outputStream: pairs === undefined ? streamId("synthetic/output") : promptStream,
  };
}

function pairSamplers(
  spec: SyntheticSpec,
  draws: number,
): { prompt: LengthSampler; output: LengthSampler } | undefined {
  const pairs = spec.lengthPairs;
  if (pairs === undefined) return undefined;
  const pair = new GuidedQuantile((uniform) => Math.floor(uniform * pairs.length), draws);
  return {
    prompt: chosenLength(
      pair,
      Int32Array.from(pairs, ([promptTokens]) => promptTokens),
    ),
    output: chosenLength(
      pair,
      Int32Array.from(pairs, ([, outputTokens]) => outputTokens),
    ),
  };
}
