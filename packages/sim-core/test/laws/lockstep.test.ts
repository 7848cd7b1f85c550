import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SimulationInput } from "../../src/simulate/input.ts";
import { constantStep } from "../support/one-replica.ts";
import { randomFleet, simulateSmall } from "../support/random-fleet.ts";

const numRuns = Number(process.env.WINDTUNNEL_LAW_RUNS ?? 150);

const withRanks = fc.tuple(randomFleet, fc.constantFrom(2, 3, 5)).map(([input, lockstepRanks]): SimulationInput => {
  const pools = input.pools.map((pool) => ({
    ...pool,
    // Any prompt fits in a step: it is computed from when it is scheduled to its first token.
    profile: { ...pool.profile, maxNumBatchedTokens: 16_000 },
    replicas: Math.ceil(pool.replicas / lockstepRanks) * lockstepRanks,
    lockstepRanks,
  }));
  return { ...input, pools };
});

describe("laws of ranks that step together", () => {
  it("ranks of a group start and end their steps together", () => {
    fc.assert(
      fc.property(withRanks, (input) => {
        const { requests, replicas } = simulateSmall(input);
        const groups = new Map<number, number[]>();
        const ranks = input.pools[0]!.lockstepRanks!;
        for (const [row, replica] of requests.replica.entries()) {
          if (Number.isNaN(requests.finishUs[row]!)) continue;
          const group = Math.floor(replica / ranks);
          groups.set(group, [...(groups.get(group) ?? []), row]);
        }
        expect(replicas.length % ranks).toBe(0);
        for (const rowsOf of groups.values()) {
          const edges = rowsOf.flatMap((row) => [
            requests.scheduledUs[row]!,
            requests.firstTokenUs[row]!,
            requests.finishUs[row]!,
          ]);
          for (const row of rowsOf) {
            const [startUs, endUs] = [requests.scheduledUs[row]!, requests.firstTokenUs[row]!];
            expect(edges.filter((us) => us > startUs && us < endUs)).toEqual([]);
          }
        }
      }),
      { numRuns },
    );
  });

  it("a group of one is a replica, where steps take whole microseconds", () => {
    fc.assert(
      fc.property(randomFleet, fc.integer({ min: 1, max: 3_000 }), (input, stepUs) => {
        const run = (lockstepRanks?: number) => {
          const pools = input.pools.map(({ lockstepRanks: _, lora, ...pool }) => ({
            ...pool,
            ...(lora && { lora: { ...lora, slowdown: 1 } }),
            stepTime: constantStep(stepUs),
            ...(lockstepRanks === undefined ? {} : { lockstepRanks }),
          }));
          const { events: _events, itl, ...result } = simulateSmall({ ...input, pools, seriesIntervalUs: 777 });
          return { ...result, itl: itl.counts };
        };
        expect(run(1)).toEqual(run());
      }),
      { numRuns },
    );
  });
});
