import fc from "fast-check";
import { expect, it } from "vitest";
import type { SimulationInput } from "../../src/simulate/input.ts";
import { Outcome } from "../../src/simulate/result.ts";
import { randomDisaggregatedFleet } from "../support/random-disaggregated-fleet.ts";
import { randomFleet, simulateSmall } from "../support/random-fleet.ts";

const numRuns = Number(process.env.WINDTUNNEL_LAW_RUNS ?? 100);

const behindGateway = (fleet: fc.Arbitrary<SimulationInput>): fc.Arbitrary<SimulationInput> =>
  fc
    .tuple(fleet, fc.integer({ min: 1, max: 12 }))
    .map(([input, maxRequests]) => ({ ...input, gateway: { maxRequests } }));

/** Never more in flight than the gateway lets through, and nobody refused while there are fewer. */
function holds(input: SimulationInput): void {
  const { requests } = simulateSmall(input);
  expect(requests).toEqual(simulateSmall({ ...input, path: "plain" }).requests);
  const { maxRequests } = input.gateway!;
  const through = [...requests.outcome.keys()].filter((row) => requests.outcome[row] === Outcome.completed);
  const inFlightAt = (us: number, except: number): readonly [before: number, after: number] => {
    const others = through.filter((row) => row !== except && requests.finishUs[row]! > us);
    const earlier = others.filter((row) => requests.arrivalUs[row]! < us).length;
    return [earlier, others.filter((row) => requests.arrivalUs[row]! <= us).length];
  };
  for (let row = 0; row < requests.count; row++) {
    const [before, after] = inFlightAt(requests.arrivalUs[row]!, row);
    if (requests.outcome[row] === Outcome.overflowed) expect(after).toBeGreaterThanOrEqual(maxRequests);
    else if (requests.outcome[row] === Outcome.completed) expect(before).toBeLessThan(maxRequests);
    else expect(requests.outcome[row]).toBe(Outcome.rejected);
  }
}

it("a gateway refuses what comes while it is full, and nothing else", () => {
  fc.assert(fc.property(behindGateway(randomFleet), holds), { numRuns });
});

it("a request that two pods serve is one in flight", () => {
  fc.assert(fc.property(behindGateway(randomDisaggregatedFleet), holds), { numRuns });
});
