import fc from "fast-check";
import { expect, test } from "vitest";
import { quantilesInPlace } from "../../../src/metrics/quantiles.ts";

test("interpolates between order statistics", () => {
  // Sorted: 1 2 3 4. Position of p50 is 1.5, of p90 is 2.7.
  expect(quantilesInPlace(Float64Array.of(4, 1, 3, 2), 4, [0, 0.5, 0.9, 1])).toEqual([1, 2.5, 3.7, 4]);
});

test("reads only the first values", () => {
  expect(quantilesInPlace(Float64Array.of(5, 7, 100, 100), 2, [0.5, 1])).toEqual([6, 7]);
});

test("has no quantile of nothing", () => {
  expect(quantilesInPlace(new Float64Array(3), 0, [0.5, 0.9])).toEqual([Number.NaN, Number.NaN]);
});

test("agrees with sorting, equal values and all", () => {
  const quantiles = [0, 0.01, 0.5, 0.9, 0.95, 0.99, 1];
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 300 }), (values) => {
      const sorted = [...values].sort((a, b) => a - b);
      const expected = quantiles.map((q) => {
        const position = (sorted.length - 1) * q;
        const low = sorted[Math.floor(position)]!;
        const high = sorted[Math.ceil(position)]!;
        return low + (high - low) * (position - Math.floor(position));
      });
      expect(quantilesInPlace(Float64Array.from(values), values.length, quantiles)).toEqual(expected);
    }),
  );
});
