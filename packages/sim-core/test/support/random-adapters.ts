import fc from "fast-check";
import type { LoraProfile } from "../../src/engine/lora-profile.ts";
import type { SimulationInput } from "../../src/simulate/input.ts";
import { separateByAdapter } from "../../src/workload/separate-by-adapter.ts";
import type { Workload } from "../../src/workload/workload.ts";

/** Which adapter each of 40 rows asks for, and what adapters take of an engine that has little room for them. */
export interface RandomAdapters {
  readonly adapterOf: readonly number[];
  readonly profile: LoraProfile;
}

export const randomAdapters: fc.Arbitrary<RandomAdapters> = fc
  .record({
    adapterOf: fc.array(fc.integer({ min: -1, max: 4 }), { minLength: 40, maxLength: 40 }),
    maxLoras: fc.integer({ min: 1, max: 3 }),
    moreOnHost: fc.integer({ min: 0, max: 3 }),
    loadUs: fc.constantFrom(0, 1, 250, 9_000),
    fetchUs: fc.constantFrom(0, 700, 40_000),
    slowdown: fc.constantFrom(1, 1.1, 1.7),
  })
  .map(({ adapterOf, moreOnHost, ...rest }) => ({
    adapterOf,
    profile: { ...rest, maxCpuLoras: rest.maxLoras + moreOnHost },
  }));

export function withAdapters(workload: Workload, given: RandomAdapters): Workload {
  const adapterOf = Int32Array.from({ length: workload.count }, (_, row) => given.adapterOf[row % 40]!);
  const { segments } = workload;
  return {
    ...workload,
    adapterOf,
    adapters: ["a", "b", "c", "d", "e"],
    ...(segments ? { segments: separateByAdapter(segments, adapterOf) } : {}),
  };
}

/** The fleet with all its replicas serving adapters. */
export function servingAdapters(input: SimulationInput, given: RandomAdapters | undefined): SimulationInput {
  if (given === undefined) return input;
  return {
    ...input,
    workload: withAdapters(input.workload, given),
    pools: input.pools.map((pool) => ({ ...pool, lora: given.profile })),
  };
}
