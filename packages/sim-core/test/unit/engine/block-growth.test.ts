import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BlockGrowth } from "../../../src/engine/block-growth.ts";

/** Blocks that the step after `steps` steps needs: one for each request whose computed tokens fill its blocks. */
const needed = (computed: readonly number[], steps: number, size: number): number =>
  computed.filter((tokens) => (tokens + steps) % size === 0).length;

describe("BlockGrowth", () => {
  it("counts the requests whose next token needs a new block", () => {
    const growth = new BlockGrowth(4);
    // 8 computed tokens fill two blocks; 9 leaves three steps; 11 one.
    for (const computed of [8, 9, 11]) growth.add(computed);
    expect([0, 1, 2, 3, 4].map((step) => growth.blocksAt(step))).toEqual([1, 1, 0, 1, 1]);
    expect(growth.blocksOver(0, 4)).toBe(3);
    expect(growth.blocksOver(1, 9)).toBe(7);
  });

  it("says how many steps fit in what is free", () => {
    const growth = new BlockGrowth(4);
    growth.add(8);
    growth.add(11);
    // Steps need 1 1 0 0 1 1 0 0 ...
    expect([0, 1, 2, 3].map((free) => growth.stepsWithin(0, 7, free))).toEqual([0, 1, 4, 5]);
    expect(growth.stepsWithin(0, 7, 4)).toBe(7);
  });

  it("forgets what is removed", () => {
    const growth = new BlockGrowth(4);
    growth.add(8);
    growth.add(9);
    growth.remove(8);
    expect([0, 3].map((step) => growth.blocksAt(step))).toEqual([0, 1]);
    growth.clear();
    expect(growth.blocksOver(0, 100)).toBe(0);
  });

  it("counts as one request at a time would", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 3, 16),
        fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 12 }),
        fc.nat(40),
        fc.nat(80),
        fc.nat(40),
        (size, computed, stepsDone, steps, free) => {
          const growth = new BlockGrowth(size);
          // Joined after `stepsDone` steps: the offset is what they have computed less those, and may be negative.
          for (const tokens of computed) growth.add(tokens - stepsDone);
          let sum = 0;
          let fit = 0;
          for (let step = 0; step < steps; step++) {
            const blocks = needed(computed, step, size);
            expect(growth.blocksAt(stepsDone + step)).toBe(blocks);
            sum += blocks;
            if (sum <= free) fit = step + 1;
          }
          expect(growth.blocksOver(stepsDone, steps)).toBe(sum);
          expect(growth.stepsWithin(stepsDone, steps, free)).toBe(fit);
        },
      ),
    );
  });
});
