import fc from "fast-check";
import { expect } from "vitest";
import type { SimulationInput } from "../../src/simulate/input.ts";
import { simulateSmall } from "./random-fleet.ts";

/** All that a run gives, but for the number of events, which the two paths differ in. */
export function everything(input: SimulationInput) {
  const { events: _events, itl, ...result } = simulateSmall({ ...input, seriesIntervalUs: 777 });
  return { ...result, itl: itl.counts };
}

/** Holds fleets of fast engines to the same fleets of plain ones. */
export function expectSameOnBothPaths(
  fleets: fc.Arbitrary<SimulationInput>,
  runs: { readonly numRuns: number; readonly endOnFailure?: boolean },
): void {
  fc.assert(
    fc.property(fleets, (input) => {
      expect(everything({ ...input, path: "plain" })).toEqual(everything({ ...input, path: "fast" }));
    }),
    runs,
  );
}
