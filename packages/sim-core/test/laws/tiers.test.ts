import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SimulationInput } from "../../src/simulate/input.ts";
import { Outcome } from "../../src/simulate/result.ts";
import { simulateSmall } from "../support/random-fleet.ts";
import { randomTieredFleet } from "../support/random-tiered-fleet.ts";

const numRuns = Number(process.env.WINDTUNNEL_LAW_RUNS ?? 150);

/** All that a run gives, but for the number of events, which the two paths differ in. */
function everything(input: SimulationInput) {
  const { events: _events, itl, ...result } = simulateSmall({ ...input, seriesIntervalUs: 777 });
  return { ...result, itl: itl.counts };
}

describe("laws of tiers below HBM", () => {
  it("a fleet of fast engines is a fleet of plain engines", () => {
    fc.assert(
      fc.property(randomTieredFleet, (input) => {
        expect(everything({ ...input, path: "plain" })).toEqual(everything({ ...input, path: "fast" }));
      }),
      { numRuns },
    );
  });

  it("every request ends, however short tiers are", () => {
    fc.assert(
      fc.property(randomTieredFleet, (input) => {
        const { requests } = simulateSmall(input);
        expect([...requests.outcome]).toEqual(new Array(requests.count).fill(Outcome.completed));
      }),
      { numRuns },
    );
  });
});
