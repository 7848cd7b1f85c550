import type { DecisionRecord } from "@windtunnel/router-policies";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SimulationInput } from "../../src/simulate/input.ts";
import { randomFleet, simulateSmall } from "../support/random-fleet.ts";

const numRuns = Number(process.env.WINDTUNNEL_LAW_RUNS ?? 150);

/** All that a run gives, but for the number of events, which the two paths differ in. */
function everything(input: SimulationInput) {
  const decisions: [number, DecisionRecord][] = [];
  const {
    events: _events,
    itl,
    ...result
  } = simulateSmall(input, {
    onDecision: (row, record) => decisions.push([row, record]),
  });
  return { ...result, itl: itl.counts, decisions };
}

const recorded = { seriesIntervalUs: 777, recordDecision: () => true };

describe("laws of sameness", () => {
  it("the same input gives the same bytes", () => {
    fc.assert(
      fc.property(randomFleet, (input) => {
        const first = everything({ ...input, ...recorded });
        expect(first.decisions).toHaveLength(input.workload.count);
        expect(everything({ ...input, ...recorded })).toEqual(first);
      }),
      { numRuns: Math.ceil(numRuns / 2) },
    );
  });

  it("a fleet of fast engines is a fleet of plain engines, decisions and signals included", () => {
    fc.assert(
      fc.property(randomFleet, (input) => {
        const fast = everything({ ...input, ...recorded, path: "fast" });
        expect(everything({ ...input, ...recorded, path: "plain" })).toEqual(fast);
      }),
      { numRuns },
    );
  });

  it("watching changes nothing: no decision record and no time series", () => {
    fc.assert(
      fc.property(randomFleet, fc.integer({ min: 50, max: 20_000 }), (input, seriesIntervalUs) => {
        const { decisions: none, ...unwatched } = everything(input);
        const { decisions, series, ...watched } = everything({
          ...input,
          seriesIntervalUs,
          recordDecision: (row) => row % 2 === 0,
        });
        expect(watched).toEqual(unwatched);
        expect(none).toHaveLength(0);
        expect(decisions).toHaveLength(Math.ceil(input.workload.count / 2));
        expect(series!.samples).toBe(Math.ceil(watched.endUs / seriesIntervalUs));
      }),
      { numRuns },
    );
  });
});
