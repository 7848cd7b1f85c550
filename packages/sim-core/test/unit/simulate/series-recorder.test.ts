import { describe, expect, it } from "vitest";
import { simulate } from "../../../src/simulate/simulate.ts";
import { constantStep, onePool } from "../../support/one-replica.ts";
import { rows } from "../../support/rows.ts";

describe("a time series", () => {
  it("has each replica's gauges at the grid's times, with what ended at that very time", () => {
    const workload = rows([
      { atUs: 0, prompt: 40, output: 3 },
      { atUs: 100, prompt: 16, output: 2 },
    ]);
    // Round-robin: a replica each, of ten blocks of 16. Steps of 100 us: 0 to 300, and 100 to 300.
    const more = { replicas: 2, preset: "round-robin", seriesIntervalUs: 50 };
    const { series, endUs } = simulate(onePool(workload, more, {}, constantStep(100), 11));
    expect([series!.samples, series!.replicas, endUs]).toEqual([6, 2, 300]);
    const of = (values: Float64Array, replica: number): number[] =>
      Array.from({ length: 6 }, (_, sample) => values[sample * 2 + replica]!);
    expect(of(series!.running, 0)).toEqual([0, 0, 1, 1, 1, 1]);
    expect(of(series!.running, 1)).toEqual([0, 0, 0, 0, 1, 1]);
    expect(of(series!.waiting, 0)).toEqual([0, 0, 0, 0, 0, 0]);
    // Three of ten blocks for 40 tokens; one for 16, and the second is taken by the step that begins at 200.
    const used = (values: number[]): number[] => values.map((fraction) => Math.round(fraction * 10));
    expect(used(of(series!.kvUsageFraction, 0))).toEqual([0, 0, 3, 3, 3, 3]);
    expect(used(of(series!.kvUsageFraction, 1))).toEqual([0, 0, 0, 0, 1, 1]);
  });
});
