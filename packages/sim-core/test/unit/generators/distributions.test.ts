import { describe, expect, test } from "vitest";
import { counterUniform, hashSeed } from "../../../src/kernel/random.ts";
import { lengthDistributionSchema } from "../../../src/workload/generator-schema.ts";
import { gammaDraw } from "../../../src/workload/generators/arrivals.ts";
import {
  categoricalQuantile,
  GuidedQuantile,
  gammaFunction,
  lengthSampler,
  zipfWeights,
} from "../../../src/workload/generators/distributions.ts";
import { deviation, meanZ } from "./statistics.ts";

const seed = hashSeed("distributions");
const draws = 20_000;

function sample(distribution: unknown, count = draws): number[] {
  const sampler = lengthSampler(lengthDistributionSchema.parse(distribution), count);
  return Array.from({ length: count }, (_, index) => sampler.tokensAt(counterUniform(seed, 1, index)));
}

function at(distribution: unknown, uniform: number): number {
  return lengthSampler(lengthDistributionSchema.parse(distribution), 1).tokensAt(uniform);
}

describe("lengthSampler", () => {
  test("takes a number, or fixed, as that many tokens", () => {
    expect(at(7, 0.3)).toBe(7);
    expect(at({ distribution: "fixed", tokens: 7 }, 0.9)).toBe(7);
  });

  test("uniform covers both ends", () => {
    expect(at({ distribution: "uniform", min: 10, max: 13 }, 0)).toBe(10);
    expect(at({ distribution: "uniform", min: 10, max: 13 }, 0.5)).toBe(12);
    expect(at({ distribution: "uniform", min: 10, max: 13 }, 0.999)).toBe(13);
  });

  test("the median of a lognormal is mean × exp(-σ²/2): 1000 at σ 1 gives 607", () => {
    expect(at({ distribution: "lognormal", mean: 1000, sigma: 1 }, 0.5)).toBe(607);
  });

  test("the 84.134th percentile of a normal is one standard deviation above the mean", () => {
    expect(at({ distribution: "normal", mean: 100, stdev: 20 }, 0.8413447)).toBe(120);
  });

  test("geometric with mean 2 gives 1 with probability one half, 2 with one quarter", () => {
    const geometric = { distribution: "geometric", mean: 2 };
    expect([0, 0.49, 0.51, 0.74, 0.76].map((uniform) => at(geometric, uniform))).toEqual([1, 1, 2, 2, 3]);
    expect(at({ distribution: "geometric", mean: 1 }, 0.99)).toBe(1);
  });

  test("empirical values come in proportion to their weights, in the order given", () => {
    const empirical = { distribution: "empirical", values: [300, 5, 70], weights: [1, 2, 1] };
    expect([0, 0.24, 0.26, 0.74, 0.76].map((uniform) => at(empirical, uniform))).toEqual([300, 300, 5, 5, 70]);
    expect(at({ distribution: "empirical", values: [4, 9] }, 0.6)).toBe(9);
  });

  test.each([
    [{ distribution: "lognormal", mean: 1000, sigma: 1, min: 600, max: 700 }, 600, 700],
    [{ distribution: "normal", mean: 100, stdev: 200 }, 1, 5000],
    [{ distribution: "geometric", mean: 50, max: 60 }, 1, 60],
    [{ distribution: "lognormal", mean: 1e300, sigma: 40 }, 1, 10_000_000],
  ])("%j stays within its bounds and reaches the lower", (distribution, min, max) => {
    const values = sample(distribution);
    expect(Math.min(...values)).toBe(min);
    expect(Math.max(...values)).toBeLessThanOrEqual(max);
  });

  test.each([
    [{ distribution: "lognormal", mean: 1000, sigma: 1 }, 1000],
    [{ distribution: "lognormal", mean: 250, sigma: 0.8 }, 250],
    [{ distribution: "normal", mean: 500, stdev: 100 }, 500],
    [{ distribution: "geometric", mean: 250 }, 250],
    [{ distribution: "uniform", min: 1, max: 99 }, 50],
  ])("%j has the mean it names", (distribution, mean) => {
    expect(Math.abs(meanZ(sample(distribution), mean))).toBeLessThan(4.5);
  });

  test.each([
    [{ distribution: "uniform", min: 9, max: 3 }, "expected max to be at least min"],
    [{ distribution: "empirical", values: [1, 2], weights: [1] }, "expected one weight per value"],
    [{ distribution: "empirical", values: [1, 2], weights: [0, 0] }, "expected a weight above 0"],
  ])("%j is refused", (distribution, message) => {
    const issues = lengthDistributionSchema.safeParse(distribution).error?.issues ?? [];
    expect(JSON.stringify(issues)).toContain(message);
  });
});

describe("GuidedQuantile", () => {
  test("gives with its table what it gives without", () => {
    const lognormal = lengthDistributionSchema.parse({ distribution: "lognormal", mean: 1000, sigma: 1 });
    const [guided, exact] = [lengthSampler(lognormal, 1_000_000), lengthSampler(lognormal, 1)];
    let different = 0;
    for (let index = 0; index < draws; index++) {
      const uniform = counterUniform(seed, 2, index);
      if (guided.tokensAt(uniform) !== exact.tokensAt(uniform)) different += 1;
    }
    expect(different).toBe(0);
  });

  test("asks the quantile only where its slice holds more than one value", () => {
    let asked = 0;
    const halves = new GuidedQuantile((uniform) => {
      asked += 1;
      return uniform < 0.5 ? 3 : 4;
    }, 1_000_000);
    const built = asked;
    expect([halves.at(0.25), halves.at(0.75)]).toEqual([3, 4]);
    expect(asked).toBe(built);
  });
});

describe("categories", () => {
  test("a weight of 0 is never drawn", () => {
    const quantile = categoricalQuantile([0, 1, 0, 1, 0]);
    expect([0, 0.49, 0.5, 0.999999].map(quantile)).toEqual([1, 1, 3, 3]);
  });

  test("Zipf weights fall as 1 / rank^s", () => {
    expect(zipfWeights(3, 0)).toEqual([1, 1, 1]);
    expect(zipfWeights(3, 1)[2]).toBeCloseTo(1 / 3, 12);
    expect(zipfWeights(4, 2)[3]).toBeCloseTo(1 / 16, 12);
  });
});

test.each([
  [1, 1],
  [2, 1],
  [5, 24],
  [1.5, Math.sqrt(Math.PI) / 2],
  [0.5 + 1e-9, Math.sqrt(Math.PI)],
])("the gamma function of %d", (x, expected) => {
  expect(gammaFunction(x) / expected).toBeCloseTo(1, 7);
});

test.each([0.25, 0.7, 1, 3.5])("gamma draws of shape %d have mean and variance equal to the shape", (shape) => {
  const values = Array.from({ length: draws }, (_, index) => gammaDraw(shape, seed, 9, index));
  expect(Math.abs(meanZ(values, shape))).toBeLessThan(4.5);
  expect(deviation(values) ** 2 / shape).toBeGreaterThan(0.9);
  expect(deviation(values) ** 2 / shape).toBeLessThan(1.1);
});

test.each([
  // P(X > x) of shape 1 is e^-x; of shape 2 (1 + x) e^-x; of shape 3 (1 + x + x²/2) e^-x.
  [1, 0.5, Math.exp(-0.5)],
  [1, 3, Math.exp(-3)],
  [2, 0.5, 1.5 * Math.exp(-0.5)],
  [2, 5, 6 * Math.exp(-5)],
  [3, 1, 2.5 * Math.exp(-1)],
  [3, 8, 41 * Math.exp(-8)],
])("gamma draws of shape %d exceed %d with probability %d", (shape, x, probability) => {
  const count = 200_000;
  let above = 0;
  for (let index = 0; index < count; index++) if (gammaDraw(shape, seed, 11, index) > x) above += 1;
  const standardError = Math.sqrt(count * probability * (1 - probability));
  expect(Math.abs(above - count * probability) / standardError).toBeLessThan(4.5);
});
