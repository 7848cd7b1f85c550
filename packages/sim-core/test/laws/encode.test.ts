import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Outcome } from "../../src/simulate/result.ts";
import { randomEncodeFleet } from "../support/random-encode-fleet.ts";
import { simulateSmall } from "../support/random-fleet.ts";
import { expectSameOnBothPaths } from "../support/same-on-both-paths.ts";

const numRuns = Number(process.env.WINDTUNNEL_LAW_RUNS ?? 150);

describe("laws of encoding on other pods", () => {
  it("a fleet of fast engines is a fleet of plain engines", () => {
    expectSameOnBothPaths(randomEncodeFleet, { numRuns });
  });

  it("nothing is lost, and each item is encoded once", () => {
    fc.assert(
      fc.property(randomEncodeFleet, ({ patience: _patience, ...input }) => {
        const { requests, replicas } = simulateSmall(input);
        expect([...requests.outcome]).toEqual(new Array(requests.count).fill(Outcome.completed));
        const encoded = replicas.reduce((sum, { encodedForOthers = 0 }) => sum + encodedForOthers, 0);
        expect(encoded).toBe(input.workload.items!.tokens.length);
        for (const [row, items] of requests.items!.entries()) {
          expect(requests.encode!.encodeReplica[row]! >= 0).toBe(items > 0);
        }
      }),
      { numRuns },
    );
  });
});
