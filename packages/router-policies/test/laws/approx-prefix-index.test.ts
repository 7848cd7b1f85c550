import fc from "fast-check";
import { expect, test } from "vitest";
import { ApproxPrefixIndex } from "../../src/producers/approx-prefix-index.ts";
import { PromptBlocks } from "../../src/producers/prompt-blocks.ts";
import { prompts } from "../support/prompts.ts";

/** The same index as plain as can be: an LRU per server is a Map in order of insertion. */
class PlainIndex {
  readonly servers = new Map<number, { capacity: number; lru: Map<number, true> }>();

  match(keys: number[], servers: number): number[] {
    const counts = new Array<number>(servers).fill(0);
    for (const key of keys) {
      const holders = [...this.servers].filter(([, { lru }]) => lru.has(key));
      if (holders.length === 0) break;
      for (const [server] of holders) counts[server]!++;
    }
    return counts;
  }

  insert(server: number, keys: number[], capacity: number): void {
    if (!this.servers.has(server)) this.servers.set(server, { capacity, lru: new Map() });
    const one = this.servers.get(server)!;
    for (const key of keys) {
      if (!one.lru.delete(key) && one.lru.size === one.capacity) one.lru.delete([...one.lru.keys()][0]!);
      one.lru.set(key, true);
    }
  }
}

const SERVERS = 70;

/** Prompts are paths in a small tree: they share prefixes, and a key names its whole path, as keys must. */
const path = fc
  .array(fc.integer({ min: 0, max: 2 }), { maxLength: 9 })
  .map((turns) => turns.map((_, i) => turns.slice(0, i + 1).reduce((key, turn) => 3 * key + turn + 1, 7)));
const server = fc.constantFrom(0, 1, 2, 31, 32, SERVERS - 1);
const step = fc.oneof(
  { weight: 10, arbitrary: fc.record({ server, keys: path, more: path, both: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ removed: server }) },
);

test("matches and evicts as an index of plain Maps does", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), fc.integer({ min: 1, max: 25 }), (steps, capacity) => {
      const index = new ApproxPrefixIndex();
      const plain = new PlainIndex();
      const prompt = new PromptBlocks();
      for (const one of steps) {
        if ("removed" in one) {
          index.remove(one.removed);
          plain.servers.delete(one.removed);
          continue;
        }
        const asked = one.both ? [one.keys, one.more] : [one.keys];
        prompt.fill(prompts(...asked), 64, true, 1000);
        const counts = new Float64Array(SERVERS);
        let from = 0;
        for (const to of prompt.ends) {
          index.match(prompt, from, to, counts);
          from = to;
        }
        const wanted = asked.map((keys) => plain.match(keys, SERVERS));
        expect([...counts]).toEqual(wanted[0]!.map((count, i) => count + (wanted[1]?.[i] ?? 0)));

        // A second target is inserted into after the first has evicted: what was looked up may be stale by then.
        for (const target of one.both ? [one.server, 1] : [one.server]) {
          from = 0;
          for (const to of prompt.ends) {
            index.insert(target, prompt, from, to, capacity + target);
            from = to;
          }
          for (const keys of asked) plain.insert(target, keys, capacity + target);
        }
        for (const [id, { lru }] of plain.servers) {
          expect(index.blocksOf(id)).toEqual([...lru.keys()].map((key) => [0, key]));
          expect(index.sizeBlocks(id)).toBe(lru.size);
        }
      }
      const distinct = new Set([...plain.servers.values()].flatMap(({ lru }) => [...lru.keys()]));
      expect(index.blocks).toBe(distinct.size);
    }),
    { numRuns: 300 },
  );
});
