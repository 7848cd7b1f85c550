import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IntMap } from "../../../src/engine/int-map.ts";

describe("IntMap", () => {
  it("keeps, replaces and forgets", () => {
    const map = new IntMap();
    expect(map.get(0)).toBe(-1);
    map.set(0, 7);
    map.set(0, 8);
    map.set(2_000_000_000, 1);
    expect([map.get(0), map.get(2_000_000_000), map.get(1)]).toEqual([8, 1, -1]);
    map.delete(0);
    map.delete(12);
    expect([map.get(0), map.get(2_000_000_000)]).toEqual([-1, 1]);
  });

  it("is a Map, through growth and deletions among colliding keys", () => {
    const key = fc.oneof(
      fc.nat(40),
      fc.nat(40).map((number) => number * 4096),
      fc.nat(2 ** 31 - 2),
    );
    const operation = fc.tuple(key, fc.oneof(fc.nat(1000), fc.constant(-1)));
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 300 }), (operations) => {
        const map = new IntMap();
        const model = new Map<number, number>();
        for (const [at, value] of operations) {
          if (value < 0) {
            map.delete(at);
            model.delete(at);
          } else {
            map.set(at, value);
            model.set(at, value);
          }
        }
        for (const [at] of operations) expect(map.get(at)).toBe(model.get(at) ?? -1);
      }),
    );
  });
});
