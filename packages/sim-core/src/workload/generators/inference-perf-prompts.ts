import { exp, log } from "../../kernel/math.ts";
import { normalQuantile } from "../../kernel/normal.ts";
import { counterUniform, hashSeed, streamId } from "../../kernel/random.ts";
import type { PromptSegments } from "../workload.ts";
import { openUniform } from "./distributions.ts";
import type { InferencePerfConfig, InferencePerfDistribution } from "./inference-perf-schema.ts";

/** Prompts and output lengths of request i of a stage, for every stage alike. */
export interface InferencePerfPrompts {
  /** Appends request `index` of stage `stage` to the columns. */
  add(columns: InferencePerfColumns, stage: number, index: number): void;
  segments(columns: InferencePerfColumns): PromptSegments | undefined;
}

/** Rows in the making. */
export interface InferencePerfColumns {
  row: number;
  readonly promptTokens: Int32Array;
  readonly outputTokens: Int32Array;
  readonly offsets: Int32Array;
  readonly ids: number[];
  readonly endTokens: number[];
  readonly outputIds: Int32Array;
}

/** `data.type: random`: every prompt is new text; lengths are drawn once, and request i of every stage has length i. */
export function randomPrompts(config: InferencePerfConfig, sizes: readonly number[], seed: number | string) {
  const { input_distribution: input, output_distribution: output } = config.data;
  const longest = Math.max(...sizes);
  const inputTokens = drawLengths(input!, longest, seed, "inference-perf/random/input");
  const outputTokens = drawLengths(output!, longest, seed, "inference-perf/random/output");
  return {
    add(columns, _stage, index) {
      columns.promptTokens[columns.row] = Math.max(1, inputTokens[index]!);
      columns.outputTokens[columns.row] = Math.max(1, outputTokens[index]!);
    },
    segments: () => undefined,
  } satisfies InferencePerfPrompts;
}

/** `count` lengths of a distribution, draw i the same however many there are; an integer is a fixed length. */
export function drawLengths(
  distribution: number | InferencePerfDistribution,
  count: number,
  seed: number | string,
  name: string,
): Int32Array {
  if (typeof distribution === "number") return new Int32Array(count).fill(distribution);
  const stream = streamId(name);
  const hashed = hashSeed(seed);
  return Int32Array.from({ length: count }, (_, index) =>
    lengthAt(distribution, counterUniform(hashed, stream, index)),
  );
}

/** inference_perf/utils/distribution.py `generate_distribution`: draw, clip, round half to even. */
function lengthAt(distribution: InferencePerfDistribution, uniform: number): number {
  const { type, min, max, mean, stdDev } = distribution;
  if (type === "fixed") return Math.trunc(mean);
  let drawn: number;
  if (type === "uniform") drawn = min + uniform * (max - min);
  else if (type === "normal") drawn = mean + stdDev * normalQuantile(openUniform(uniform));
  else {
    // Shifted by min, so that mean and std_dev are those of the length itself.
    const shifted = mean > min ? mean - min : 1;
    const relative = stdDev / shifted;
    const variance = log(1 + relative * relative);
    drawn = min + exp(log(shifted) - variance / 2 + Math.sqrt(variance) * normalQuantile(openUniform(uniform)));
  }
  return roundHalfEven(Math.min(max, Math.max(min, drawn)));
}

/** NumPy's rounding. */
function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return value % 1 === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}
