import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventTree } from "../../../src/kernel/event-tree.ts";

describe("EventTree", () => {
  it("has nothing pending at first", () => {
    expect(new EventTree(5).firstKey).toBe(Infinity);
  });

  it("lets the lowest entity win a tie, whoever was set first", () => {
    const tree = new EventTree(6);
    tree.set(5, 10);
    tree.set(2, 10);
    tree.set(3, 10);
    expect(tree.first).toBe(2);
    tree.set(2, 11);
    expect(tree.first).toBe(3);
    tree.set(3, Infinity);
    expect([tree.first, tree.firstKey]).toEqual([5, 10]);
  });

  it("follows a key that moves in either direction", () => {
    const tree = new EventTree(3);
    tree.set(0, 5);
    tree.set(1, 7);
    tree.set(1, 3);
    expect([tree.first, tree.firstKey, tree.keyOf(0)]).toEqual([1, 3, 5]);
    tree.set(1, 9);
    expect([tree.first, tree.firstKey, tree.keyOf(1)]).toEqual([0, 5, 9]);
  });

  it("works for a single entity", () => {
    const tree = new EventTree(1);
    tree.set(0, 4);
    expect([tree.first, tree.firstKey]).toEqual([0, 4]);
  });

  it("is the first minimum of an array", () => {
    const change = fc.tuple(fc.nat(32), fc.oneof(fc.integer({ min: 0, max: 6 }), fc.constant(Infinity)));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 33 }), fc.array(change, { maxLength: 120 }), (entities, changes) => {
        const tree = new EventTree(entities);
        const keys = new Array<number>(entities).fill(Infinity);
        for (const [number, key] of changes) {
          const entity = number % entities;
          tree.set(entity, key);
          keys[entity] = key;
          const least = Math.min(...keys);
          expect(tree.firstKey).toBe(least);
          expect(tree.keyOf(entity)).toBe(key);
          if (least < Infinity) expect(tree.first).toBe(keys.indexOf(least));
        }
      }),
    );
  });
});
