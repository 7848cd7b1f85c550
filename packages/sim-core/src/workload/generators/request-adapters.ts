import { counterUniform, streamId } from "../../kernel/random.ts";
import type { SyntheticSpec } from "../generator-schema.ts";
import { separateByAdapter } from "../separate-by-adapter.ts";
import type { Workload } from "../workload.ts";
import { categoricalQuantile, GuidedQuantile, zipfWeights } from "./distributions.ts";

/**
 * The workload with an adapter for each row, as the specification has it; as it is where that names none.
 *
 * @param sessionOf the row's session, all of whose turns ask for one adapter; absent: each row draws its own
 */
export function withAdapters(
  workload: Workload,
  spec: SyntheticSpec,
  seed: number,
  sessionOf?: (row: number) => number,
): Workload {
  const { adapters } = spec;
  if (adapters === undefined) return workload;
  const { count, weights, zipfExponent, fraction, names } = adapters;
  return askingFor(
    workload,
    Array.from({ length: count }, (_, index) => `${names}${index}`),
    { weights: weights ?? zipfWeights(count, zipfExponent), fraction },
    seed,
    sessionOf,
  );
}

/** The workload with each row, or session, asking for an adapter by weight, or outside of the fraction for the model. */
export function askingFor(
  workload: Workload,
  adapters: readonly string[],
  { weights, fraction }: { readonly weights: readonly number[]; readonly fraction: number },
  seed: number,
  sessionOf: (row: number) => number = (row) => row,
): Workload {
  const adapter = new GuidedQuantile(categoricalQuantile(weights), workload.count);
  const stream = streamId("synthetic/adapter");
  const baseStream = streamId("synthetic/base-model");
  const adapterOf = Int32Array.from({ length: workload.count }, (_, row) => {
    const drawn = sessionOf(row);
    if (fraction < 1 && counterUniform(seed, baseStream, drawn) >= fraction) return -1;
    return adapter.at(counterUniform(seed, stream, drawn));
  });
  const { segments } = workload;
  return {
    ...workload,
    adapterOf,
    adapters,
    ...(segments === undefined ? {} : { segments: separateByAdapter(segments, adapterOf) }),
  };
}
