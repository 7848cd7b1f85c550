import type { DecisionRecord, InferenceRequest } from "@windtunnel/router-policies";
import fc from "fast-check";
import { describe, expect, expectTypeOf, it } from "vitest";
import type { SimulationInput } from "../../src/simulate/input.ts";
import type { SimulatedRequest } from "../../src/simulate/simulated-request.ts";
import { randomFleet, simulateSmall } from "../support/random-fleet.ts";

const numRuns = Number(process.env.WINDTUNNEL_LAW_RUNS ?? 150);

/** Keys that speak of output. */
type OutputKeys<T> = Extract<keyof T, `${string}${"output" | "Output"}${string}`>;

function decisionsOf(input: SimulationInput): [number, DecisionRecord][] {
  const decisions: [number, DecisionRecord][] = [];
  simulateSmall(
    { ...input, recordDecision: () => true },
    { onDecision: (row, record) => decisions.push([row, record]) },
  );
  return decisions;
}

describe("law: a policy never sees a request's output length", () => {
  it("is a type: a request says at most what its client asked for as a limit", () => {
    expectTypeOf<OutputKeys<InferenceRequest>>().toEqualTypeOf<"maxOutputTokens">();
    // A trace's clients sent no limit that we know of, and its real lengths must not pass for one.
    expectTypeOf<OutputKeys<SimulatedRequest>>().toBeNever();
  });

  it("decides the same whatever the last request to arrive will generate", () => {
    fc.assert(
      fc.property(randomFleet, fc.integer({ min: 1, max: 50 }), (input, lastOutput) => {
        const { releasedBy: _released, stages: _stages, ...open } = input.workload;
        const arrivalUs = Float64Array.from({ length: open.count }, (_, row) => row * 1_500);
        const workload = { ...open, arrivalUs };
        const outputTokens = workload.outputTokens.slice();
        outputTokens[workload.count - 1] = lastOutput;
        // Room for either, so that both fit where they are sent.
        const pools = input.pools.map((pool) => ({ ...pool, numGpuBlocks: pool.numGpuBlocks + 4 }));
        const given = { ...input, pools, workload };
        expect(decisionsOf({ ...given, workload: { ...workload, outputTokens } })).toEqual(decisionsOf(given));
      }),
      { numRuns },
    );
  });

  it("decides the same up to the moment at which a shorter answer would have ended", () => {
    fc.assert(
      fc.property(randomFleet, (input) => {
        const { releasedBy: _released, stages: _stages, ...open } = input.workload;
        const arrivalUs = Float64Array.from({ length: open.count }, (_, row) => row * 1_500);
        // Room for the longer answer too.
        const pools = input.pools.map((pool) => ({ ...pool, numGpuBlocks: pool.numGpuBlocks + 1 }));
        const given = { ...input, pools, workload: { ...open, arrivalUs } };
        const { finishUs } = simulateSmall(given).requests;
        const outputTokens = open.outputTokens.slice();
        outputTokens[0]! += 5;
        const longer = { ...given, workload: { ...given.workload, outputTokens } };
        const until = (records: [number, DecisionRecord][]) =>
          records.filter(([, { timeUs }]) => timeUs < finishUs[0]!);
        expect(until(decisionsOf(longer))).toEqual(until(decisionsOf(given)));
      }),
      { numRuns },
    );
  });
});
