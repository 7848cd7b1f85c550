import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type KvChange, KvEventLog } from "../../../src/engine/kv-event-log.ts";

const drained = (log: KvEventLog, nowUs: number): KvChange[] => {
  const found: KvChange[] = [];
  log.drain(nowUs, (change) => found.push({ ...change }));
  return found;
};

describe("KvEventLog", () => {
  it("shows a change one delay after the end of its step", () => {
    const log = new KvEventLog(true, 1_000);
    log.add(true, 3, 0, 2);
    expect([log.hasUndated, log.isDue(1e9)]).toEqual([true, false]);
    expect(drained(log, 1e9)).toEqual([]);
    log.publish(500);
    expect([log.hasUndated, log.isDue(1_499), log.isDue(1_500)]).toEqual([false, false, true]);
    expect(drained(log, 1_499)).toEqual([]);
    expect(drained(log, 1_500)).toEqual([{ stored: true, segment: 3, fromBlock: 0, toBlock: 2 }]);
    expect(drained(log, 1e9)).toEqual([]);
  });

  it("keeps the order of changes, and dates only those not dated yet", () => {
    const log = new KvEventLog(true, 0);
    log.add(true, 1, 0, 1);
    log.publish(10);
    log.add(false, 1, 0, 1);
    log.publish(20);
    expect(drained(log, 10).map(({ stored }) => stored)).toEqual([true]);
    expect(drained(log, 20).map(({ stored }) => stored)).toEqual([false]);
  });

  it("takes no empty run, and nothing at all when off", () => {
    const log = new KvEventLog(true, 0);
    log.add(true, 1, 4, 4);
    expect(log.hasUndated).toBe(false);
    const off = new KvEventLog(false, 0);
    off.add(true, 1, 0, 4);
    expect(off.hasUndated).toBe(false);
  });

  it("is a queue of dated changes however it grows and empties", () => {
    const burst = fc.record({ adds: fc.nat(50), afterUs: fc.nat(30), lookAfterUs: fc.nat(60) });
    fc.assert(
      fc.property(fc.array(burst, { maxLength: 30 }), (bursts) => {
        const log = new KvEventLog(true, 25);
        const queue: { readonly dueUs: number; readonly change: KvChange }[] = [];
        let nowUs = 0;
        let segment = 0;
        for (const { adds, afterUs, lookAfterUs } of bursts) {
          nowUs += afterUs;
          for (let at = 0; at < adds; at++) {
            const change = { stored: at % 2 === 0, segment: segment++, fromBlock: at, toBlock: at + 1 };
            log.add(change.stored, change.segment, change.fromBlock, change.toBlock);
            queue.push({ dueUs: nowUs + 25, change });
          }
          log.publish(nowUs);
          const due: KvChange[] = [];
          while (queue.length > 0 && queue[0]!.dueUs <= nowUs + lookAfterUs) due.push(queue.shift()!.change);
          expect(drained(log, nowUs + lookAfterUs)).toEqual(due);
        }
      }),
    );
  });
});
