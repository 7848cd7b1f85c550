import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ReleaseHeap } from "../../../src/kernel/release-heap.ts";

describe("ReleaseHeap", () => {
  it("gives rows by time, and the lower row first at equal times", () => {
    const heap = new ReleaseHeap();
    heap.push(20, 1);
    heap.push(10, 7);
    heap.push(10, 4);
    expect([heap.firstTimeUs, heap.firstRow, heap.size]).toEqual([10, 4, 3]);
    expect([heap.pop(), heap.pop(), heap.pop()]).toEqual([4, 7, 1]);
    expect([heap.firstTimeUs, heap.size]).toEqual([Infinity, 0]);
  });

  it("is a sorted list, also beyond its first size", () => {
    // `true` takes the first out, a pair puts (time, row) in.
    const operation = fc.oneof(fc.constant(true as const), fc.tuple(fc.nat(9), fc.nat(40)));
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), fc.integer({ min: 0, max: 150 }), (operations, bulk) => {
        const heap = new ReleaseHeap();
        const model: [number, number][] = [];
        const push = (timeUs: number, row: number): void => {
          heap.push(timeUs, row);
          model.push([timeUs, row]);
          model.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
        };
        const pop = (): void => {
          expect([heap.firstTimeUs, heap.firstRow]).toEqual(model[0]);
          expect(heap.pop()).toBe(model.shift()![1]);
        };
        for (let at = 0; at < bulk; at++) push((at * 7) % 11, (at * 13) % 50);
        for (const what of operations) {
          if (what !== true) push(...what);
          else if (model.length > 0) pop();
          expect(heap.size).toBe(model.length);
        }
        while (model.length > 0) pop();
      }),
    );
  });
});
