import { describe, expect, it } from "vitest";
import { Outcome } from "../../../src/simulate/result.ts";
import { simulate } from "../../../src/simulate/simulate.ts";
import { onePool } from "../../support/one-replica.ts";
import { rows } from "../../support/rows.ts";

const at = (prompt: number, output: number, atUs = 0) => ({ atUs, prompt, output });
const { completed, overflowed, timedOut } = Outcome;

describe("a gateway that is full", () => {
  // Steps of 1 ms: the first two end at 10 and at 20 ms.
  const workload = rows([at(40, 10), at(40, 20), at(40, 5, 9_999), at(40, 5, 10_000), at(40, 5, 10_001)]);

  it("refuses what comes while as many are in flight as it lets through", () => {
    const { requests, replicas } = simulate(onePool(workload, { gateway: { maxRequests: 2 } }));
    // The end of the first, at 10 ms, comes before the arrival of the fourth then.
    expect([...requests.outcome]).toEqual([completed, completed, overflowed, completed, overflowed]);
    expect([...requests.finishUs]).toEqual([10_000, 20_000, NaN, 15_000, NaN]);
    expect(requests.replica[2]).toBe(-1);
    expect(replicas[0]).toMatchObject({ completed: 3, promptTokens: 120 });
  });

  it("does nothing where it has room for all", () => {
    const { requests } = simulate(onePool(workload, { gateway: { maxRequests: 4 } }));
    expect([...requests.outcome]).toEqual([completed, completed, completed, completed, completed]);
    expect(simulate(onePool(workload, { gateway: { maxRequests: 5 } })).requests).toEqual(
      simulate(onePool(workload)).requests,
    );
  });

  it("has room again when a client goes", () => {
    const later = rows([at(40, 100), at(40, 2, 5_000), at(40, 2, 20_600)]);
    const { requests } = simulate(
      onePool(later, { gateway: { maxRequests: 1 }, patience: { clientTimeoutUs: 20_500 } }),
    );
    expect([...requests.outcome]).toEqual([timedOut, overflowed, completed]);
  });

  it("has the next turn of a session sent, and the next stage started", () => {
    const turns = rows([at(40, 10), at(40, 1, 100), { atUs: 70, prompt: 10, output: 1, releasedBy: 1 }]);
    const { requests } = simulate(onePool(turns, { gateway: { maxRequests: 1 } }));
    expect([...requests.outcome]).toEqual([completed, overflowed, overflowed]);
    expect(requests.arrivalUs[2]).toBe(170);
  });
});
