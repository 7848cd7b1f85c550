import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Outcome } from "../../src/simulate/result.ts";
import { randomFleet, simulateSmall } from "../support/random-fleet.ts";

const numRuns = Number(process.env.WINDTUNNEL_LAW_RUNS ?? 150);

describe("laws of requests", () => {
  it("every request ends exactly once, with a reason", () => {
    fc.assert(
      fc.property(randomFleet, (input) => {
        const { requests, replicas } = simulateSmall(input);
        expect([...requests.outcome]).toEqual(new Array(requests.count).fill(Outcome.completed));
        const completed = replicas.reduce((sum, replica) => sum + replica.completed, 0);
        expect(completed).toBe(requests.count);
        for (const [index, replica] of replicas.entries()) {
          expect(replica.completed).toBe(requests.replica.filter((at) => at === index).length);
        }
      }),
      { numRuns },
    );
  });

  it("an effect never precedes its cause", () => {
    fc.assert(
      fc.property(randomFleet, (input) => {
        const { requests, endUs } = simulateSmall(input);
        const overheadUs = input.pools[0]!.profile.requestOverheadUs;
        const { arrivalUs, scheduledUs, firstTokenUs, finishUs } = requests;
        for (let row = 0; row < requests.count; row++) {
          expect(scheduledUs[row]).toBeGreaterThanOrEqual(arrivalUs[row]! + overheadUs);
          expect(firstTokenUs[row]).toBeGreaterThan(scheduledUs[row]!);
          // A step takes a microsecond or more, so each further token comes later.
          expect(finishUs[row]).toBeGreaterThanOrEqual(firstTokenUs[row]! + requests.outputTokens[row]! - 1);
          expect(finishUs[row]).toBeLessThanOrEqual(endUs);
        }
      }),
      { numRuns },
    );
  });

  it("a row is sent when its own time, its session, its stage and its client allow it", () => {
    fc.assert(
      fc.property(randomFleet, (input) => {
        const { workload } = input;
        const { arrivalUs, finishUs } = simulateSmall(input).requests;
        const stages = workload.stages ?? [{ name: "all", firstRow: 0, rows: workload.count, startDelayUs: 0 }];
        let stageUs = 0;
        for (const stage of stages) {
          stageUs += stage.startDelayUs;
          const most = stage.concurrency ?? stage.maxInFlight ?? Infinity;
          const end = stage.firstRow + stage.rows;
          for (let row = stage.firstRow; row < end; row++) {
            const by = workload.releasedBy?.[row] ?? -1;
            const ownUs = workload.arrivalUs[row]!;
            if (by >= 0) expect(arrivalUs[row]).toBe(finishUs[by]! + ownUs);
            else if (most === Infinity) expect(arrivalUs[row]).toBe(stageUs + ownUs);
            else {
              const dueUs = stage.concurrency === undefined ? stageUs + ownUs : stageUs;
              expect(arrivalUs[row]).toBeGreaterThanOrEqual(dueUs);
              const others = [...arrivalUs.keys()].slice(stage.firstRow, end).filter((other) => other !== row);
              const inFlight = others.filter(
                (other) =>
                  finishUs[other]! > arrivalUs[row]! &&
                  (arrivalUs[other]! < arrivalUs[row]! || (arrivalUs[other] === arrivalUs[row] && other < row)),
              );
              expect(inFlight.length).toBeLessThan(most);
            }
          }
          stageUs = Math.max(...finishUs.slice(stage.firstRow, end));
        }
      }),
      { numRuns },
    );
  });
});
