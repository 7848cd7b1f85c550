import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FinishQueue, NO_STEP } from "../../../src/engine/finish-queue.ts";

describe("FinishQueue", () => {
  it("gives the earliest step first", () => {
    const queue = new FinishQueue();
    queue.push(9, 100);
    queue.push(5, 101);
    queue.push(6, 102);
    expect(queue.firstStep).toBe(5);
    expect([queue.pop(), queue.pop(), queue.pop()]).toEqual([101, 102, 100]);
    expect([queue.firstStep, queue.size]).toEqual([NO_STEP, 0]);
  });

  it("is empty after clear", () => {
    const queue = new FinishQueue();
    queue.push(1, 1);
    queue.clear();
    expect(queue.firstStep).toBe(NO_STEP);
  });

  it("is a sorted list, also beyond its first size", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(12), { maxLength: 200 }), fc.nat(100), (steps, popsFirst) => {
        const queue = new FinishQueue();
        const stepOf = (slot: number): number => steps[slot]!;
        const model = new Set<number>();
        const pop = (): void => {
          const least = Math.min(...[...model].map(stepOf));
          expect(queue.firstStep).toBe(least);
          const slot = queue.pop();
          expect(stepOf(slot)).toBe(least);
          expect(model.delete(slot)).toBe(true);
        };
        for (const [slot, step] of steps.entries()) {
          queue.push(step, slot);
          model.add(slot);
          if (slot < popsFirst && slot % 3 === 2) pop();
        }
        while (model.size > 0) pop();
        expect(queue.size).toBe(0);
      }),
    );
  });
});
