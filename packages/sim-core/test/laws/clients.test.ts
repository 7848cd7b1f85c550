import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SimulationInput } from "../../src/simulate/input.ts";
import type { PatienceInput } from "../../src/simulate/patience.ts";
import { Outcome, type SimulationResult } from "../../src/simulate/result.ts";
import { randomDisaggregatedFleet } from "../support/random-disaggregated-fleet.ts";
import { randomFleet, simulateSmall } from "../support/random-fleet.ts";
import { randomTieredFleet } from "../support/random-tiered-fleet.ts";

const numRuns = Number(process.env.WINDTUNNEL_LAW_RUNS ?? 100);

const patience: fc.Arbitrary<PatienceInput> = fc.record({
  clientTimeoutUs: fc.constantFrom(1, 3_000, 30_000, 300_000, 1_000_000_000),
  cancel: fc.record({ fraction: fc.constantFrom(0, 0.3, 1), afterUs: fc.integer({ min: 1, max: 100_000 }) }),
});

const impatient = (fleet: fc.Arbitrary<SimulationInput>): fc.Arbitrary<SimulationInput> =>
  fc.tuple(fleet, patience).map(([input, clients]) => ({ ...input, patience: clients }));

/** Each row by how it ended, all that is known of it, and what the replicas did. */
function whole({ requests, replicas, itl }: SimulationResult) {
  return { requests, replicas, itl: itl.counts };
}

function holds(input: SimulationInput): void {
  const fast = simulateSmall(input);
  expect(whole(fast)).toEqual(whole(simulateSmall({ ...input, path: "plain" })));
  const { requests, replicas } = fast;
  const { clientTimeoutUs = Infinity, cancel } = input.patience!;
  const mostUs = cancel?.fraction === 1 ? Math.min(cancel.afterUs, clientTimeoutUs) : clientTimeoutUs;
  for (let row = 0; row < requests.count; row++) {
    expect(requests.outcome[row]).not.toBe(Outcome.unfinished);
    const completed = requests.outcome[row] === Outcome.completed;
    expect(Number.isNaN(requests.finishUs[row]!)).toBe(!completed);
    if (completed) expect(requests.finishUs[row]! - requests.arrivalUs[row]!).toBeLessThanOrEqual(mostUs);
    else if (!Number.isNaN(requests.firstTokenUs[row]!)) {
      expect(requests.firstTokenUs[row]! - requests.arrivalUs[row]!).toBeLessThanOrEqual(mostUs);
    }
  }
  const completed = requests.outcome.filter((outcome) => outcome === Outcome.completed).length;
  expect(replicas.reduce((sum, replica) => sum + replica.completed, 0)).toBe(completed);
}

describe("laws of clients that go", () => {
  it("every request ends once, by its client's patience at the latest, the same on both paths", () => {
    fc.assert(fc.property(impatient(randomFleet), holds), { numRuns });
  });

  it("so do those that are prefilled elsewhere", () => {
    fc.assert(fc.property(impatient(randomDisaggregatedFleet), holds), { numRuns });
  });

  it("so do those that load from tiers", () => {
    fc.assert(fc.property(impatient(randomTieredFleet), holds), { numRuns });
  });
});
