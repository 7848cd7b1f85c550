import { describe, expect, it } from "vitest";
import { simulate } from "../../../src/simulate/simulate.ts";
import { constantStep, onePool } from "../../support/one-replica.ts";
import { rows } from "../../support/rows.ts";

describe("admission to the end of a request", () => {
  // Three blocks of 16 tokens each at its end; five that requests can use.
  const workload = rows([
    { atUs: 0, prompt: 16, output: 32 },
    { atUs: 0, prompt: 16, output: 32 },
  ]);
  const run = (guaranteedNoEvict: boolean) =>
    simulate(onePool(workload, {}, { guaranteedNoEvict }, constantStep(1_000), 6));

  it("lets the second wait where both would not fit at their ends", () => {
    const { requests, replicas } = run(true);
    expect([...requests.scheduledUs]).toEqual([0, 32_000]);
    expect([...requests.finishUs]).toEqual([32_000, 64_000]);
    expect(replicas[0]).toMatchObject({ preemptions: 0, peakRunning: 1 });
  });

  it("runs both, and preempts one, without", () => {
    const { requests, replicas } = run(false);
    expect([...requests.scheduledUs]).toEqual([0, 0]);
    expect(replicas[0]).toMatchObject({ preemptions: 1, peakRunning: 2 });
  });

  it("lets both run where they do fit", () => {
    const input = onePool(workload, {}, { guaranteedNoEvict: true }, constantStep(1_000), 7);
    expect([...simulate(input).requests.finishUs]).toEqual([32_000, 32_000]);
  });
});
