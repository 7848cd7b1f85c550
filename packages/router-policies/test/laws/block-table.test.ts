import fc from "fast-check";
import { expect, test } from "vitest";
import { BlockTable } from "../../src/producers/block-table.ts";

test("finds what was inserted and not released, through growth and reuse of ids", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: -3, max: 3 }), fc.integer({ min: 0, max: 400 })), { maxLength: 4000 }),
      (keys) => {
        const table = new BlockTable(2);
        const plain = new Map<string, number>();
        let previous = -1;
        for (const [hi, lo] of keys) {
          const key = `${hi}/${lo}`;
          const id = table.find(hi, lo, previous);
          expect(id).toBe(plain.get(key) ?? -1);
          if (id < 0) {
            previous = table.insert(hi, lo, previous);
            expect([...plain.values()]).not.toContain(previous);
            plain.set(key, previous);
          } else if (lo % 3 === 0) {
            table.release(id);
            plain.delete(key);
            previous = -1;
          } else previous = id;
          expect(table.size).toBe(plain.size);
        }
        for (const [key, id] of plain) {
          const [hi, lo] = key.split("/").map(Number);
          expect(table.find(hi!, lo!, -1)).toBe(id);
        }
      },
    ),
    { numRuns: 30 },
  );
});

test("keeps records through growth and widening", () => {
  const table = new BlockTable(1);
  const ids = Array.from({ length: 5000 }, (_, i) => {
    const id = table.insert(i, -i, -1);
    table.records[table.payload(id)] = 3 * i;
    return id;
  });
  table.widen(3);
  for (const [i, id] of ids.entries()) {
    expect(table.find(i, -i, -1)).toBe(id);
    expect([...table.records.subarray(table.payload(id), table.payload(id) + 3)]).toEqual([3 * i, 0, 0]);
  }
});
