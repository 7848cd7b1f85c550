import { describe, expect, it } from "vitest";
import { cos, exp, expm1, log, log1p, log2, pow, sin } from "../../../src/kernel/math.ts";
import { normalQuantile } from "../../../src/kernel/normal.ts";

/** A reproducible spread of numbers in [0, 1): a Weyl sequence. */
function spread(count: number): number[] {
  return Array.from({ length: count }, (_, i) => ((i + 1) * 0.6180339887498949) % 1);
}

function worstRelativeError(ours: (x: number) => number, theirs: (x: number) => number, points: number[]): number {
  let worst = 0;
  for (const x of points) {
    const expected = theirs(x);
    if (expected === 0) expect(ours(x)).toBe(0);
    else worst = Math.max(worst, Math.abs(ours(x) / expected - 1));
  }
  return worst;
}

describe("elementary functions against the host's", () => {
  const unit = spread(20_000);
  const wide = unit.map((u) => (u - 0.5) * 1400);
  const positive = unit.map((u) => Math.exp((u - 0.5) * 1400));
  const angles = unit.map((u) => (u - 0.5) * 200_000);
  it.each([
    ["exp", exp, Math.exp, [...wide, ...unit]],
    ["log", log, Math.log, [...positive, ...unit, ...unit.map((u) => 1 + (u - 0.5) * 1e-3)]],
    ["log1p", log1p, Math.log1p, [...positive, ...unit.map((u) => -u), ...unit.map((u) => u * 1e-9)]],
    ["expm1", expm1, Math.expm1, [...wide, ...unit, ...unit.map((u) => (u - 0.5) * 1e-6)]],
    ["log2", log2, Math.log2, [...positive, ...unit]],
    ["sin", sin, Math.sin, [...unit, ...unit.map((u) => (u - 0.5) * 20)]],
    ["cos", cos, Math.cos, [...unit, ...unit.map((u) => (u - 0.5) * 20)]],
    ["sin of large angles", sin, Math.sin, angles],
    ["cos of large angles", cos, Math.cos, angles],
  ] as const)("%s", (_name, ours, theirs, points) => {
    expect(worstRelativeError(ours, theirs, [...points])).toBeLessThan(1e-15);
  });

  it("pow", () => {
    let worst = 0;
    for (let i = 0; i < unit.length; i++) {
      const base = positive[i]!;
      const power = (unit[unit.length - 1 - i]! - 0.5) * 6;
      const expected = base ** power;
      if (expected > 1e-300 && expected < 1e300) worst = Math.max(worst, Math.abs(pow(base, power) / expected - 1));
    }
    expect(worst).toBeLessThan(1e-15);
  });
});

describe("exact values", () => {
  it("keeps the limits of the domain", () => {
    expect([exp(0), exp(-800), exp(800), exp(1)]).toEqual([1, 0, Infinity, Math.E]);
    expect([log(1), log(0), log(-1), log(Infinity), log(5e-324)]).toEqual([
      0,
      -Infinity,
      NaN,
      Infinity,
      -744.4400719213812,
    ]);
    expect([log1p(0), log1p(-1), log1p(-2)]).toEqual([0, -Infinity, NaN]);
    expect([expm1(0), expm1(-100), expm1(1000)]).toEqual([0, -1, Infinity]);
    expect([log2(8), log2(1), log2(0.25), log2(2 ** -1000)]).toEqual([3, 0, -2, -1000]);
  });
  it("raises to integer powers with the sign of the base", () => {
    expect([pow(2, 10), pow(-2, 3), pow(-2, 4), pow(-2, 0.5), pow(10, -2)]).toEqual([1024, -8, 16, NaN, 0.01]);
    expect([pow(0, 2.5), pow(0, -1), pow(7, 0), pow(1, 1e9), pow(2, 5000), pow(2, -5000)]).toEqual([
      0,
      Infinity,
      1,
      1,
      Infinity,
      0,
    ]);
    expect(pow(2, -1074)).toBe(5e-324);
  });
  it("refuses angles whose reduction would lose digits", () => {
    expect(() => sin(1e9)).toThrow("up to 500000");
    expect(sin(NaN)).toBeNaN();
    expect(cos(0)).toBe(1);
  });
});

describe("normal quantile", () => {
  it("gives the tabulated percentage points", () => {
    expect(normalQuantile(0.5)).toBe(0);
    expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 14);
    expect(normalQuantile(0.25)).toBeCloseTo(-0.6744897501960817, 14);
    expect(normalQuantile(1e-20)).toBeCloseTo(-9.262340089798409, 12);
  });
});
