import { describe, expect, it } from "vitest";
import { chiSquareTail, twoSampleProbability } from "../../oracle/chi-square.ts";

describe("chi-square", () => {
  // Abramowitz and Stegun, table 26.8.
  it.each([
    [3.84146, 1, 0.05],
    [5.99146, 2, 0.05],
    [18.307, 10, 0.05],
    [23.2093, 10, 0.01],
    [2.16, 11, 0.9983],
  ])("gives the probability of %f under %i degrees of freedom", (statistic, degrees, probability) => {
    expect(chiSquareTail(statistic, degrees)).toBeCloseTo(probability, 3);
  });

  it("tells two dice apart only when they differ", () => {
    expect(twoSampleProbability([100, 100, 100], [50, 50, 50])).toBeCloseTo(1, 9);
    // 100 of 200 against 140 of 200: statistic 16.67 under one degree of freedom.
    expect(twoSampleProbability([100, 100], [140, 60])).toBeCloseTo(4.46e-5, 6);
  });
});
