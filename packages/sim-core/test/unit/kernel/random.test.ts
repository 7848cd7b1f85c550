import { describe, expect, test } from "vitest";
import { counterUniform, hashSeed, namedStream, streamId } from "../../../src/kernel/random.ts";

const draws = 200_000;

/** Correlation of two sequences in standard errors: beyond 5 is no accident. */
function correlationZ(a: (index: number) => number, b: (index: number) => number): number {
  let sum = 0;
  for (let i = 0; i < draws; i++) sum += (a(i) - 0.5) * (b(i) - 0.5);
  return (sum / draws) * 12 * Math.sqrt(draws);
}

/** Chi-square of a 32 × 32 grid of pairs in standard deviations. */
function gridZ(a: (index: number) => number, b: (index: number) => number): number {
  const cells = 32;
  const counts = new Int32Array(cells * cells);
  for (let i = 0; i < draws; i++) counts[Math.floor(a(i) * cells) * cells + Math.floor(b(i) * cells)]! += 1;
  const expected = draws / counts.length;
  const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  return (chiSquare - (counts.length - 1)) / Math.sqrt(2 * (counts.length - 1));
}

describe("streamId", () => {
  test.each([
    ["", 0x811c9dc5],
    ["a", 0xe40c292c],
    ["foobar", 0xbf9cf968],
  ])("is FNV-1a: %j", (name, expected) => {
    expect(streamId(name)).toBe(expected);
  });
});

describe("counterUniform", () => {
  const seed = hashSeed(1);
  const arrivals = (i: number) => counterUniform(seed, streamId("arrivals"), i);
  const lengths = (i: number) => counterUniform(seed, streamId("lengths"), i);

  test("gives the same number for the same three arguments, whatever was drawn before", () => {
    const first = counterUniform(1, 2, 3);
    for (let i = 0; i < 100; i++) counterUniform(i, i, i);
    expect(counterUniform(1, 2, 3)).toBe(first);
  });

  test("stays in [0, 1) and uses the bits below the 32nd", () => {
    let belowBit32 = 0;
    let outside = 0;
    for (let i = 0; i < draws; i++) {
      const u = arrivals(i);
      if (!(u >= 0 && u < 1) || (u * 2 ** 53) % 1 !== 0) outside += 1;
      if ((u * 2 ** 32) % 1 !== 0) belowBit32 += 1;
    }
    expect(outside).toBe(0);
    expect(belowBit32).toBeGreaterThan(draws * 0.999);
  });

  test("has the mean and the variance of a uniform", () => {
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < draws; i++) {
      sum += arrivals(i);
      squares += arrivals(i) ** 2;
    }
    const mean = sum / draws;
    expect(Math.abs(mean - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / draws));
    expect(Math.abs(squares / draws - mean * mean - 1 / 12)).toBeLessThan(5 * Math.sqrt(1 / 180 / draws));
  });

  test.each([
    ["the next draw", (i: number) => arrivals(i + 1)],
    ["the draw 64 later", (i: number) => arrivals(i + 64)],
    ["another stream", lengths],
    ["the neighbouring stream", (i: number) => counterUniform(seed, streamId("arrivals") + 1, i)],
    ["the neighbouring seed", (i: number) => counterUniform(seed + 1, streamId("arrivals"), i)],
    ["its own low bits", (i: number) => (arrivals(i) * 2 ** 32) % 1],
  ])("is independent of %s", (_, other) => {
    expect(Math.abs(correlationZ(arrivals, other))).toBeLessThan(5);
    expect(Math.abs(gridZ(arrivals, other))).toBeLessThan(5);
  });
});

describe("hashSeed", () => {
  test("takes a number and its text as one seed", () => {
    expect(hashSeed(7)).toBe(hashSeed("7"));
    expect(hashSeed(7)).not.toBe(hashSeed(8));
  });
});

describe("namedStream", () => {
  test("repeats for the same seed and name, and differs for another name", () => {
    const take = (seed: number | string, name: string) => {
      const source = namedStream(seed, name);
      return [source.next(), source.next(), source.next()];
    };
    expect(take(42, "x")).toEqual(take("42", "x"));
    expect(take(42, "x")).not.toEqual(take(42, "y"));
    expect(take(42, "x")[0]).toBe(0.5296460569370538);
  });
});
