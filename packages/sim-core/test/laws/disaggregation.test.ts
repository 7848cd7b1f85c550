import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SimulationInput } from "../../src/simulate/input.ts";
import { Outcome } from "../../src/simulate/result.ts";
import { randomDisaggregatedFleet } from "../support/random-disaggregated-fleet.ts";
import { simulateSmall } from "../support/random-fleet.ts";

const numRuns = Number(process.env.WINDTUNNEL_LAW_RUNS ?? 150);

/** All that a run gives, but for the number of events, which the two paths differ in. */
function everything(input: SimulationInput) {
  const { events: _events, itl, ...result } = simulateSmall({ ...input, seriesIntervalUs: 777 });
  return { ...result, itl: itl.counts };
}

describe("laws of prefill and decode on different pods", () => {
  it("a fleet of fast engines is a fleet of plain engines", () => {
    fc.assert(
      fc.property(randomDisaggregatedFleet, (input) => {
        expect(everything({ ...input, path: "plain" })).toEqual(everything({ ...input, path: "fast" }));
      }),
      { numRuns },
    );
  });

  it("nothing is lost, however full the decode pods are", () => {
    fc.assert(
      fc.property(randomDisaggregatedFleet, (input) => {
        const { requests, replicas } = simulateSmall(input);
        expect([...requests.outcome]).toEqual(new Array(requests.count).fill(Outcome.completed));
        const legs = requests.disaggregation!;
        for (const [index, replica] of replicas.entries()) {
          expect(replica.completed).toBe(requests.replica.filter((at) => at === index).length);
          const prefilled = legs.prefillReplica.filter((at, row) => at === index && legs.prefillFinishUs[row]! >= 0);
          expect(replica.prefilledForOthers).toBe(prefilled.length);
          // One token of each prompt that was computed for another pod is sampled here too.
          const generated = requests.outputTokens.reduce(
            (sum, tokens, row) => sum + (requests.replica[row] === index ? tokens : 0),
            0,
          );
          expect(replica.decodeTokens).toBe(generated + prefilled.length);
        }
      }),
      { numRuns },
    );
  });

  it("watching changes nothing", () => {
    fc.assert(
      fc.property(randomDisaggregatedFleet, fc.integer({ min: 50, max: 20_000 }), (input, seriesIntervalUs) => {
        const { series: _series, itl: _itl, ...watched } = simulateSmall({ ...input, seriesIntervalUs });
        const { itl: _gaps, ...unwatched } = simulateSmall(input);
        expect(watched).toEqual(unwatched);
      }),
      { numRuns: Math.ceil(numRuns / 3) },
    );
  });
});
