import { describe, expect, it } from "vitest";
import { Outcome } from "../../../src/simulate/result.ts";
import { simulate } from "../../../src/simulate/simulate.ts";
import { onePool } from "../../support/one-replica.ts";
import { rows } from "../../support/rows.ts";

const at = (prompt: number, output: number, atUs = 0) => ({ atUs, prompt, output });

describe("clients that go", () => {
  // One at a time, steps of 1 ms: the first would take until 100 ms, the second until 10 ms after that.
  const workload = rows([at(40, 100), at(40, 10)]);

  it("gives the place of a request that has timed out to the next at the end of the step in progress", () => {
    const input = onePool(workload, { patience: { clientTimeoutUs: 20_500 } }, { maxNumSeqs: 1 });
    const { requests, replicas, endUs } = simulate(input);
    expect([...requests.outcome]).toEqual([Outcome.timedOut, Outcome.timedOut]);
    // The 21st step ends at 21 ms, when both are gone.
    expect(replicas[0]).toMatchObject({ steps: 21, busyUs: 21_000, completed: 0, decodeTokens: 21 });
    expect(requests.firstTokenUs[0]).toBe(1_000);
    expect(requests.firstTokenUs[1]).toBeNaN();
    expect(endUs).toBe(21_000);
  });

  it("lets the next be admitted then", () => {
    const later = rows([at(40, 100), at(40, 9, 10_000)]);
    const input = onePool(later, { patience: { clientTimeoutUs: 30_500 } }, { maxNumSeqs: 1 });
    const { requests } = simulate(input);
    expect([...requests.outcome]).toEqual([Outcome.timedOut, Outcome.completed]);
    expect(requests.scheduledUs[1]).toBe(31_000);
    // 31 ms for the first's last step, then nine of its own; it would wait until 40.5 ms.
    expect(requests.finishUs[0]).toBeNaN();
    expect([requests.firstTokenUs[1], requests.finishUs[1]]).toEqual([32_000, 40_000]);
  });

  it("counts as completed what ends before its client goes, and by reason what does not", () => {
    const cancel = { fraction: 1, afterUs: 50_000 };
    const input = onePool(workload, { patience: { cancel, clientTimeoutUs: 60_000 } });
    const result = simulate(input);
    expect([...result.requests.outcome]).toEqual([Outcome.cancelled, Outcome.completed]);
    expect(result.requests.finishUs[1]).toBe(10_000);
    expect(result.replicas[0]!.busyUs).toBe(50_000);
  });
});
