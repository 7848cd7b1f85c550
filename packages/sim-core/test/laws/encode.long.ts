import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SimulationInput } from "../../src/simulate/input.ts";
import { randomEncodeFleet } from "../support/random-encode-fleet.ts";
import { simulateSmall } from "../support/random-fleet.ts";

function everything(input: SimulationInput) {
  const { events: _events, itl, ...result } = simulateSmall({ ...input, seriesIntervalUs: 777 });
  return { ...result, itl: itl.counts };
}

describe("a fleet whose pods encode for one another", () => {
  it("is the same of fast and of plain engines, on 10,000 random scenarios", () => {
    fc.assert(
      fc.property(randomEncodeFleet, (input) => {
        expect(everything({ ...input, path: "plain" })).toEqual(everything({ ...input, path: "fast" }));
      }),
      { numRuns: 10_000, endOnFailure: process.env.CI !== undefined },
    );
  });
});
