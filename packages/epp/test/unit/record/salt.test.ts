import { expect, test } from "vitest";
import { recordedKeys, Salt } from "../../../src/record/salt.ts";

const keysOf = (pairs: readonly (readonly [hi: number, lo: number])[]) => ({
  length: pairs.length,
  hi: Int32Array.from(pairs, ([hi]) => hi),
  lo: Int32Array.from(pairs, ([, lo]) => lo),
});

test("block keys go through Speck64/128 (test vector of its paper, appendix C)", () => {
  const secret = Buffer.alloc(16);
  for (const [i, word] of [0x03020100, 0x0b0a0908, 0x13121110, 0x1b1a1918].entries()) secret.writeUInt32LE(word, 4 * i);
  const salted = recordedKeys(new Salt(secret).keys(keysOf([[0x3b726574, 0x7475432d]])));
  expect([salted.hi[0]! >>> 0, salted.lo[0]! >>> 0]).toEqual([0x8c6fa548, 0x454e028b]);
});

test("equal stays equal within a salt, and nothing is equal across two", () => {
  const keys = keysOf([
    [1, 2],
    [3, 4],
    [1, 2],
    [2, 1],
  ]);
  const [one, other] = [new Salt(), new Salt()];
  const salted = recordedKeys(one.keys(keys));
  const at = (i: number): string => `${salted.hi[i]}/${salted.lo[i]}`;
  expect(at(0)).toBe(at(2));
  expect(new Set([at(0), at(1), at(3)]).size).toBe(3);
  expect(one.keys(keys)).toBe(one.keys(keys));
  expect(one.keys(keys)).not.toBe(other.keys(keys));
  expect(one.text("tenant")).toBe(one.text("tenant"));
  expect(one.text("tenant")).not.toBe(other.text("tenant"));
  expect(one.text("tenant")).toMatch(/^#[0-9a-f]{16}$/);
});

test("a list longer than the scratch is whole", () => {
  const length = 5000;
  const keys = { length, hi: new Int32Array(length), lo: Int32Array.from({ length }, (_, i) => i) };
  const salted = recordedKeys(new Salt().keys(keys));
  expect(salted.length).toBe(length);
  expect(new Set(salted.lo.map((lo, i) => lo ^ salted.hi[i]!)).size).toBeGreaterThan(length - 10);
});
