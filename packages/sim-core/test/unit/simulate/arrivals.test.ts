import { describe, expect, it } from "vitest";
import { Arrivals } from "../../../src/simulate/arrivals.ts";
import type { Workload } from "../../../src/workload/workload.ts";
import { rows } from "../../support/rows.ts";

/** Sends every row when it is due and lets it take `serviceUs(row)`; an end at a time comes before arrivals at it. */
function replay(workload: Workload, serviceUs: (row: number) => number): [row: number, us: number][] {
  const arrivals = new Arrivals(workload);
  const sent: [number, number][] = [];
  const ends: [us: number, row: number][] = [];
  for (;;) {
    ends.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const endUs = ends[0]?.[0] ?? Infinity;
    if (endUs <= arrivals.nextUs) {
      if (endUs === Infinity) return sent;
      arrivals.ended(ends.shift()![1], endUs);
    } else {
      const row = arrivals.nextRow;
      const nowUs = arrivals.nextUs;
      arrivals.take();
      sent.push([row, nowUs]);
      ends.push([nowUs + serviceUs(row), row]);
    }
  }
}

const at = (...times: number[]): Workload => rows(times.map((atUs) => ({ atUs, prompt: 1, output: 1 })));

describe("Arrivals", () => {
  it("sends an open loop's rows at their own times, whatever happens", () => {
    expect(replay(at(5, 7, 7, 30), () => 1_000)).toEqual([
      [0, 5],
      [1, 7],
      [2, 7],
      [3, 30],
    ]);
    expect(new Arrivals(at(5, 7)).reactsToEnds).toBe(false);
  });

  it("sends a later turn some time after the end of the one before", () => {
    const turns = rows([
      { atUs: 0, prompt: 1, output: 1 },
      { atUs: 40, prompt: 1, output: 1, releasedBy: 0 },
      { atUs: 60, prompt: 1, output: 1 },
      { atUs: 10, prompt: 1, output: 1, releasedBy: 1 },
    ]);
    // Row 0 ends at 100, row 1 goes at 140 and ends at 240, row 3 goes at 250.
    expect(replay(turns, () => 100)).toEqual([
      [0, 0],
      [2, 60],
      [1, 140],
      [3, 250],
    ]);
    expect(new Arrivals(turns).reactsToEnds).toBe(true);
  });

  it("lets one end release several rows, the lower first at equal times, also against rows of their own time", () => {
    const fan = rows([
      { atUs: 0, prompt: 1, output: 1 },
      { atUs: 50, prompt: 1, output: 1, releasedBy: 0 },
      { atUs: 150, prompt: 1, output: 1 },
      { atUs: 50, prompt: 1, output: 1, releasedBy: 0 },
    ]);
    expect(replay(fan, () => 100)).toEqual([
      [0, 0],
      [1, 150],
      [2, 150],
      [3, 150],
    ]);
  });

  it("releases a row at once when there is no think time", () => {
    const turns = rows([
      { atUs: 0, prompt: 1, output: 1 },
      { atUs: 0, prompt: 1, output: 1, releasedBy: 0 },
    ]);
    expect(replay(turns, () => 100)).toEqual([
      [0, 0],
      [1, 100],
    ]);
  });

  it("starts a stage when the last row of the one before has ended, and its delay", () => {
    const stages = [
      { name: "warm-up", firstRow: 0, rows: 2, startDelayUs: 10 },
      { name: "load", firstRow: 2, rows: 2, startDelayUs: 1_000 },
    ];
    // Rows 0 and 1 go at 10 and 15 and end at 510 and 25: the second stage starts at 1510.
    expect(replay({ ...at(0, 5, 0, 7), stages }, (row) => (row === 0 ? 500 : 10))).toEqual([
      [0, 10],
      [1, 15],
      [2, 1_510],
      [3, 1_517],
    ]);
  });

  it("passes over a stage without rows", () => {
    const stages = [
      { name: "none", firstRow: 0, rows: 0, startDelayUs: 10 },
      { name: "load", firstRow: 0, rows: 1, startDelayUs: 100 },
    ];
    expect(replay({ ...at(3), stages }, () => 1)).toEqual([[0, 113]]);
  });

  it("keeps a closed loop's number in flight, whatever the rows' own times are", () => {
    const stages = [{ name: "closed", firstRow: 0, rows: 5, startDelayUs: 0, concurrency: 2 }];
    const service = [100, 30, 30, 50, 10];
    expect(replay({ ...at(9, 9, 9, 9, 9), stages }, (row) => service[row]!)).toEqual([
      [0, 0],
      [1, 0],
      [2, 30],
      [3, 60],
      [4, 100],
    ]);
  });

  it("holds an open loop's rows back while maxInFlight are out, and sends them when one ends", () => {
    const stages = [{ name: "open", firstRow: 0, rows: 5, startDelayUs: 0, maxInFlight: 2 }];
    // Row 2 is due at 20 and goes when row 0 ends at 50; row 3 when row 1 does; row 4 is not held back.
    expect(replay({ ...at(0, 10, 20, 25, 200), stages }, () => 50)).toEqual([
      [0, 0],
      [1, 10],
      [2, 50],
      [3, 60],
      [4, 200],
    ]);
  });

  it("counts released rows as in flight, and does not hold them back", () => {
    const stages = [{ name: "closed", firstRow: 0, rows: 3, startDelayUs: 0, concurrency: 1 }];
    const turns = rows([
      { atUs: 0, prompt: 1, output: 1 },
      { atUs: 0, prompt: 1, output: 1 },
      { atUs: 20, prompt: 1, output: 1, releasedBy: 0 },
    ]);
    // Row 1 takes row 0's place at 100; row 2 goes at 120 beside it.
    expect(replay({ ...turns, stages }, () => 100)).toEqual([
      [0, 0],
      [1, 100],
      [2, 120],
    ]);
  });
});
