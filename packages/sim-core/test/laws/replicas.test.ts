import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SimulationResult } from "../../src/simulate/result.ts";
import { bentStepTime } from "../support/bent-step-time.ts";
import { driveEngine, profile } from "../support/drive-engine.ts";
import { constantStep, onePool } from "../support/one-replica.ts";
import { randomFleet, simulateSmall } from "../support/random-fleet.ts";
import { randomWorkload } from "../support/random-workload.ts";

const numRuns = Number(process.env.WINDTUNNEL_LAW_RUNS ?? 150);

const rowsOf = ({ requests }: SimulationResult, replica: number): number[] =>
  [...requests.replica.keys()].filter((row) => requests.replica[row] === replica);

const sum = (rows: readonly number[], column: ArrayLike<number>): number =>
  rows.reduce((total, row) => total + column[row]!, 0);

type Span = readonly [fromUs: number, toUs: number];

function unionUs(spans: readonly Span[]): number {
  let us = 0;
  let untilUs = -Infinity;
  for (const [fromUs, toUs] of [...spans].sort((a, b) => a[0] - b[0])) {
    us += Math.max(0, toUs - Math.max(fromUs, untilUs));
    untilUs = Math.max(untilUs, toUs);
  }
  return us;
}

describe("laws of replicas", () => {
  it("a replica with work it could do is never idle, and one without is; of ranks that step together, the group", () => {
    fc.assert(
      fc.property(randomFleet, (input) => {
        const result = simulateSmall(input);
        const overheadUs = input.pools[0]!.profile.requestOverheadUs;
        const { arrivalUs, scheduledUs, finishUs } = result.requests;
        const visible = (row: number): Span => [arrivalUs[row]! + overheadUs, finishUs[row]!];
        const computed = (row: number): Span => [scheduledUs[row]!, finishUs[row]!];
        let first = 0;
        for (const { replicas, lockstepRanks } of input.pools) {
          for (let rank = 0; rank < replicas; rank++) {
            const own = rowsOf(result, first + rank);
            // A rank may wait for a step of the others before its first.
            const spans = own.map(lockstepRanks === undefined ? visible : computed);
            expect(result.replicas[first + rank]!.busyUs).toBe(unionUs(spans));
            if (rank % (lockstepRanks ?? 1) > 0) continue;
            const group = Array.from({ length: lockstepRanks ?? 1 }, (_, at) =>
              rowsOf(result, first + rank + at),
            ).flat();
            expect(unionUs(group.map(computed))).toBe(unionUs(group.map(visible)));
          }
          first += replicas;
        }
      }),
      { numRuns },
    );
  });

  it("a replica's totals are those of its requests", () => {
    fc.assert(
      fc.property(randomFleet, (input) => {
        const result = simulateSmall(input);
        const { requests } = result;
        for (const [index, replica] of result.replicas.entries()) {
          const rows = rowsOf(result, index);
          // A token is sampled once, also when its request is preempted before or after.
          expect(replica.decodeTokens).toBe(sum(rows, requests.outputTokens));
          expect(replica.preemptions).toBe(sum(rows, requests.preemptions));
          expect(replica.promptTokens).toBe(sum(rows, requests.promptTokens));
          expect(replica.cachedTokens).toBe(sum(rows, requests.cachedTokens));
          const uncached = replica.promptTokens - replica.cachedTokens;
          if (replica.preemptions === 0) expect(replica.prefillTokens).toBe(uncached);
          else expect(replica.prefillTokens).toBeGreaterThanOrEqual(uncached);
        }
        const gaps = result.itl.counts.reduce((total, count) => total + count, 0);
        expect(gaps).toBe(sum([...requests.replica.keys()], requests.outputTokens) - requests.count);
      }),
      { numRuns },
    );
  });

  it.each(["fast", "plain"] as const)("blocks are conserved and time never runs back (%s engine)", (path) => {
    fc.assert(
      fc.property(randomWorkload(30, 120), fc.integer({ min: 0, max: 40 }), (workload, spareBlocks) => {
        const most = Math.max(...workload.promptTokens.map((tokens, row) => tokens + workload.outputTokens[row]!));
        const { engine, seen, timeline, counters } = driveEngine({
          workload,
          profile: profile(),
          stepTime: bentStepTime(150, 3, 0.07),
          numGpuBlocks: Math.ceil(most / 4) + 1 + spareBlocks,
          looks: Array.from({ length: 50 }, (_, at) => at * 1_777),
          path,
        });
        for (const { freeBlocks } of seen) {
          expect(freeBlocks).toBeGreaterThanOrEqual(0);
          expect(freeBlocks).toBeLessThanOrEqual(engine.totalBlocks);
        }
        expect(counters.leastFreeBlocks).toBeGreaterThanOrEqual(0);
        const gauges = { running: -1, waiting: -1, freeBlocks: -1 };
        engine.gaugesAt(1e15, gauges);
        // All have ended: nothing runs, and every block is free again.
        expect(gauges).toEqual({ running: 0, waiting: 0, freeBlocks: engine.totalBlocks });
        const times = timeline.map(([, , us]) => us);
        expect(times).toEqual([...times].sort((a, b) => a - b));
      }),
      { numRuns },
    );
  });
});

describe("Little's law", () => {
  const STEP_US = 100;
  const SAMPLE_US = 10;

  it("the time-average number in the system is the arrival rate times the mean sojourn", () => {
    // Arrivals on the grid of samples, so that the sum over samples is the integral of the gauges.
    const onGrid = randomWorkload(40, 120).map((workload) => ({
      ...workload,
      arrivalUs: workload.arrivalUs.map((us) => Math.round(us / SAMPLE_US) * SAMPLE_US),
    }));
    fc.assert(
      fc.property(
        onGrid,
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(1, 4, 256),
        (workload, replicas, maxNumSeqs) => {
          const input = onePool(
            workload,
            { replicas, seriesIntervalUs: SAMPLE_US },
            { maxNumSeqs, maxNumBatchedTokens: 200 },
            constantStep(STEP_US),
          );
          const { requests, series } = simulateSmall(input);
          let integralUs = 0;
          for (let at = 0; at < series!.running.length; at++) {
            integralUs += (series!.running[at]! + series!.waiting[at]!) * SAMPLE_US;
          }
          const sojournUs = requests.finishUs.reduce((total, us, row) => total + us - requests.arrivalUs[row]!, 0);
          // Gauges show a request from the end of the first step that was scheduled with it in sight: one step after it
          // came to an idle engine, and up to two after it came to a busy one.
          expect(integralUs).toBeLessThanOrEqual(sojournUs - requests.count * STEP_US);
          expect(integralUs).toBeGreaterThanOrEqual(sojournUs - requests.count * 2 * STEP_US);
        },
      ),
      { numRuns: Math.min(numRuns, 100) },
    );
  });
});
