import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Outcome } from "../../src/simulate/result.ts";
import { randomDisaggregatedFleet } from "../support/random-disaggregated-fleet.ts";
import { simulateSmall } from "../support/random-fleet.ts";
import { expectSameOnBothPaths } from "../support/same-on-both-paths.ts";

const numRuns = Number(process.env.WINDTUNNEL_LAW_RUNS ?? 150);

describe("laws of prefill and decode on different pods", () => {
  it("a fleet of fast engines is a fleet of plain engines", () => {
    expectSameOnBothPaths(randomDisaggregatedFleet, { numRuns });
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
