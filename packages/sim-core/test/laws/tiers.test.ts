import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Outcome } from "../../src/simulate/result.ts";
import { networkOf } from "../support/network-of.ts";
import { withPrivateRows } from "../support/private-rows.ts";
import { randomFleet, simulateSmall } from "../support/random-fleet.ts";
import { randomChain, randomTieredFleet } from "../support/random-tiered-fleet.ts";
import { everything, expectSameOnBothPaths } from "../support/same-on-both-paths.ts";

const numRuns = Number(process.env.WINDTUNNEL_LAW_RUNS ?? 150);

describe("laws of tiers below HBM", () => {
  it("a fleet of fast engines is a fleet of plain engines", () => {
    expectSameOnBothPaths(randomTieredFleet, { numRuns });
  });

  it("what only one request can name is written alike, whether another replica could look for it or not", () => {
    fc.assert(
      fc.property(randomFleet, randomChain, fc.constantFrom(1, 2), (input, chain, privateRows) => {
        const workload = withPrivateRows(input.workload, privateRows);
        const [pool] = input.pools.filter(({ replicas }) => replicas > 0);
        const resultsOf = (readPeers: boolean) => {
          const tiers = chain.map((tier) => ({ ...tier, readPeers, scope: "replica" as const }));
          const pools = [{ ...pool!, replicas: 1, kvTiers: { kvBytesPerToken: 100_000, tiers } }];
          const { requests, ...result } = everything({ ...input, workload, pools, network: networkOf(pools) });
          const { sources: _sources, hitTokens, ...tiersOf } = requests.tiers!;
          return {
            ...result,
            requests: { ...requests, tiers: { ...tiersOf, hitTokens: hitTokens.slice(0, chain.length) } },
          };
        };
        // One replica has no peers: only what the tiers must be ready for differs.
        expect(resultsOf(true)).toEqual(resultsOf(false));
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
