import { describe, expect, test } from "vitest";
import { hashSeed } from "../../../src/kernel/random.ts";
import { arrivalsSchema } from "../../../src/workload/generator-schema.ts";
import { arrivalTimesUs } from "../../../src/workload/generators/arrivals.ts";
import { deviation, gaps, mean, meanZ } from "./statistics.ts";

const seed = hashSeed(3);
const count = 20_000;

function times(arrivals: unknown, limit: { count: number } | { durationUs: number }): Float64Array {
  return arrivalTimesUs(arrivalsSchema.parse(arrivals), limit, seed);
}

describe("arrivalTimesUs", () => {
  test("constant arrivals are one gap apart, the first after one gap, the last on the end", () => {
    expect([...times({ process: "constant", rate: 10 }, { durationUs: 500_000 })]).toEqual([
      100_000, 200_000, 300_000, 400_000, 500_000,
    ]);
    expect([...times({ process: "constant", rate: 3 }, { count: 3 })]).toEqual([333_333, 666_667, 1_000_000]);
  });

  test.each([
    [{ process: "poisson", rate: 50 }, 1],
    [{ process: "gamma", rate: 50, cv: 0.5 }, 0.5],
    [{ process: "gamma", rate: 50, cv: 2 }, 2],
    [{ process: "weibull", rate: 50, shape: 1 }, 1],
    // CV² of a Weibull: Γ(1+2/k) / Γ(1+1/k)² - 1, for k = 0.5: 24 / 4 - 1 = 5.
    [{ process: "weibull", rate: 50, shape: 0.5 }, Math.sqrt(5)],
  ])("%j has its rate and a gap CV of %d", (arrivals, cv) => {
    const between = gaps(times(arrivals, { count }));
    expect(Math.abs(meanZ(between, 20_000))).toBeLessThan(4.5);
    expect(deviation(between) / mean(between) / cv).toBeGreaterThan(0.92);
    expect(deviation(between) / mean(between) / cv).toBeLessThan(1.08);
  });

  test("a duration ends where a count of as many would go on", () => {
    const poisson = { process: "poisson", rate: 1000 };
    const first = times(poisson, { durationUs: 5_000_000 });
    expect(first.length).toBeGreaterThan(4_600);
    expect(first.length).toBeLessThan(5_400);
    const longer = times(poisson, { count: first.length + 1 });
    expect(longer.slice(0, first.length)).toEqual(first);
    expect(longer[first.length]).toBeGreaterThan(5_000_000);
  });
});

describe("rate shapes", () => {
  const rateShape = (shape: unknown) => ({ process: "constant", rate: 10, rateShape: shape });

  test("a schedule multiplies the rate step by step, and repeats", () => {
    const steps = [
      { duration: "1s", multiplier: 1 },
      { duration: "1s", multiplier: 0 },
      { duration: "1s", multiplier: 2 },
    ];
    const arrivals = [...times(rateShape({ type: "schedule", steps }), { durationUs: 4_000_000 })];
    const inSecond = (second: number) =>
      arrivals.filter((time) => time > second * 1e6 && time <= (second + 1) * 1e6).length;
    expect([0, 1, 2, 3].map(inSecond)).toEqual([10, 0, 20, 10]);
    expect(arrivals.slice(10, 12)).toEqual([2_050_000, 2_100_000]);
  });

  test("a burst ends each interval at its multiple of the rate", () => {
    const shape = { type: "burst", every: "10s", length: "2s", multiplier: 5 };
    const arrivals = [...times(rateShape(shape), { durationUs: 10_000_000 })];
    expect(arrivals.filter((time) => time <= 8_000_000).length).toBe(80);
    expect(arrivals.length).toBe(180);
  });

  test("a diurnal cycle peaks where it says, and keeps the mean rate over whole periods", () => {
    const shape = { type: "diurnal", period: "1h", amplitude: 0.5, peakAt: "30m" };
    const arrivals = times(rateShape(shape), { durationUs: 3_600_000_000 });
    expect(Math.abs(arrivals.length - 36_000)).toBeLessThanOrEqual(1);
    const minute = (from: number) => arrivals.filter((time) => time > from * 60e6 && time <= (from + 1) * 60e6).length;
    expect(minute(30) / 600).toBeCloseTo(1.5, 1);
    expect(minute(0) / 600).toBeCloseTo(0.5, 1);
  });

  test.each([
    [{ type: "burst", every: "1s", length: "1s", multiplier: 2 }, "below every"],
    [{ type: "schedule", steps: [{ duration: "1s", multiplier: 0 }] }, "multiplier above 0"],
    [{ type: "schedule", steps: [{ duration: "0s", multiplier: 1 }] }, "duration above 0"],
    [{ type: "diurnal", period: "0s", amplitude: 0.5 }, "period above 0"],
  ])("%j is refused", (shape, message) => {
    expect(arrivalsSchema.safeParse(rateShape(shape)).error?.message).toContain(message);
  });
});
