import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FinishQueue } from "../../../src/engine/finish-queue.ts";

describe("FinishQueue", () => {
  it("gives the earliest step first, and of one step the request admitted first", () => {
    const queue = new FinishQueue();
    queue.push(9, 0, 100);
    queue.push(5, 3, 101);
    queue.push(5, 2, 102);
    expect(queue.firstStep).toBe(5);
    expect([queue.pop(), queue.pop(), queue.pop()]).toEqual([102, 101, 100]);
    expect([queue.firstStep, queue.size]).toEqual([Infinity, 0]);
  });

  it("is empty after clear", () => {
    const queue = new FinishQueue();
    queue.push(1, 1, 1);
    queue.clear();
    expect(queue.firstStep).toBe(Infinity);
  });

  it("is a sorted list, also beyond its first size", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(12), { maxLength: 200 }), fc.nat(100), (steps, popsFirst) => {
        const queue = new FinishQueue();
        const model: [number, number][] = [];
        const sort = (): void => void model.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
        const pop = (): void => {
          expect(queue.firstStep).toBe(model[0]![0]);
          expect(queue.pop()).toBe(1000 + model.shift()![1]);
        };
        for (const [sequence, step] of steps.entries()) {
          queue.push(step, sequence, 1000 + sequence);
          model.push([step, sequence]);
          sort();
          if (sequence < popsFirst && sequence % 3 === 2) pop();
        }
        while (model.length > 0) pop();
        expect(queue.size).toBe(0);
      }),
    );
  });
});
