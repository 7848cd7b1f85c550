import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BlockRuns } from "../../src/tiers/block-runs.ts";
import { TierStore } from "../../src/tiers/tier-store.ts";
import { PlainTierStore } from "../support/plain-tier-store.ts";

const numRuns = Number(process.env.WINDTUNNEL_LAW_RUNS ?? 150) * 4;

const step = fc.record({
  what: fc.constantFrom("write", "write", "write", "written", "touch", "pin", "unpin", "look"),
  segment: fc.integer({ min: 0, max: 4 }),
  from: fc.integer({ min: 0, max: 12 }),
  blocks: fc.integer({ min: 1, max: 9 }),
});

type Range = readonly [segment: number, from: number, to: number];

describe("a tier's store", () => {
  it("does block by block what a list of blocks does: each is in it or not, and the least recently used go first", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 24 }), fc.array(step, { maxLength: 60 }), (capacity, steps) => {
        const events: string[] = [];
        const tell = (sign: string) => (segment: number, from: number, to: number) => {
          const blocks = Array.from({ length: to - from }, (_, at) => `${sign}${segment}:${from + at}`);
          // Evicted from the last on, stored from the first.
          events.push(...(sign === "-" ? blocks.reverse() : blocks));
        };
        const store = new TierStore(capacity, { stored: tell("+"), evicted: tell("-") });
        const plain = new PlainTierStore(capacity);
        const writes: { id: number; ranges: Range[] }[] = [];
        const pinned: Range[] = [];
        for (const [id, { what, segment, from, blocks }] of steps.entries()) {
          const to = from + blocks;
          const ready = store.readyTo(segment, from, to);
          expect(ready).toBe(plain.readyTo(segment, from, to));
          if (what === "write") {
            const runs = new BlockRuns();
            store.missing(segment, from, to, runs);
            const ranges = (): Range[] =>
              Array.from({ length: runs.length }, (_, run) => [runs.segment(run), runs.from(run), runs.to(run)]);
            expect(ranges().flatMap(([, a, b]) => Array.from({ length: b - a }, (_, at) => a + at))).toEqual(
              plain.missing(segment, from, to),
            );
            runs.keep(store.room);
            store.makeRoom(runs.blocks);
            plain.makeRoom(runs.blocks);
            for (const range of ranges().reverse()) {
              store.add(...range, id);
              plain.add(...range, id);
            }
            writes.push({ id, ranges: ranges() });
          } else if (what === "written" && writes.length > 0) {
            const write = writes.splice(blocks % writes.length, 1)[0]!;
            for (const range of write.ranges) {
              store.written(...range, write.id);
              plain.written(...range, write.id);
            }
          } else if (what === "touch") {
            store.touch(segment, from, to);
            plain.touch(segment, from, to);
          } else if (what === "pin" && ready > from) {
            store.pin(segment, from, ready);
            plain.pin(segment, from, ready, 1);
            pinned.push([segment, from, ready]);
          } else if (what === "unpin" && pinned.length > 0) {
            const range = pinned.splice(blocks % pinned.length, 1)[0]!;
            store.unpin(...range);
            plain.pin(...range, -1);
          }
          expect([store.usedBlocks, store.busyBlocks]).toEqual([plain.usedBlocks, plain.busyBlocks]);
          expect(store.usedBlocks).toBeLessThanOrEqual(capacity);
          expect(events).toEqual(plain.events);
        }
      }),
      { numRuns },
    );
  });
});
