import fc from "fast-check";
import { expect, test } from "vitest";
import { PrecisePrefixIndex } from "../../src/producers/precise-prefix-index.ts";
import { PromptBlocks } from "../../src/producers/prompt-blocks.ts";
import { prompts } from "../support/prompts.ts";

const WEIGHTS = [1, 1, 0.8, 0.1];
const SERVERS = 40;

interface PlainEntry {
  server: number;
  tier: number;
  count: number;
}

/** Keys in order of use, each with its entries in order of storing, oldest first. */
class PlainIndex {
  readonly keys = new Map<number, PlainEntry[]>();
  readonly size: number;
  readonly perKey: number;

  constructor(size: number, perKey: number) {
    this.size = size;
    this.perKey = perKey;
  }

  #touch(key: number, entries: PlainEntry[]): void {
    this.keys.delete(key);
    this.keys.set(key, entries);
  }

  stored(server: number, tier: number, keys: number[]): void {
    for (const key of keys) {
      if (!this.keys.has(key) && this.keys.size >= this.size) this.keys.delete([...this.keys.keys()][0]!);
      const entries = this.keys.get(key) ?? [];
      this.#touch(key, entries);
      const at = entries.findIndex((entry) => entry.server === server && entry.tier === tier);
      const entry = at < 0 ? { server, tier, count: 0 } : entries.splice(at, 1)[0]!;
      entry.count++;
      entries.push(entry);
      if (entries.length > this.perKey) entries.shift();
    }
  }

  removed(server: number, tier: number, keys: number[]): void {
    for (const key of keys) {
      const entries = this.keys.get(key);
      const at = entries?.findIndex((entry) => entry.server === server && entry.tier === tier) ?? -1;
      if (entries === undefined || at < 0 || --entries[at]!.count > 0) continue;
      entries.splice(at, 1);
      if (entries.length === 0) this.keys.delete(key);
    }
  }

  cleared(server: number): void {
    for (const [key, entries] of this.keys) {
      const left = entries.filter((entry) => entry.server !== server);
      if (left.length === 0) this.keys.delete(key);
      else this.keys.set(key, left);
    }
  }

  match(keys: number[], weightOf = (tier: number): number => WEIGHTS[tier]!): number[] {
    const found = keys.slice(0, keys.findIndex((key) => !this.keys.has(key)) >>> 0);
    const scores = Array.from({ length: SERVERS }, (_, server) => {
      let score = 0;
      for (const key of found) {
        const weights = this.keys.get(key)!.flatMap((entry) => (entry.server === server ? [weightOf(entry.tier)] : []));
        if (weights.length === 0) break;
        score += Math.max(...weights);
      }
      return score;
    });
    for (const key of found) this.#touch(key, this.keys.get(key)!);
    return scores;
  }
}

const keys = fc
  .array(fc.integer({ min: 0, max: 1 }), { maxLength: 14 })
  .map((turns) => turns.map((_, i) => turns.slice(0, i + 1).reduce((key, turn) => 2 * key + turn, 1)));
const server = fc.constantFrom(0, 1, 2, 3, SERVERS - 1);
const tier = fc.constantFrom(0, 1, 2, 3);
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant("stored" as const), server, tier, keys }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant("removed" as const), server, tier, keys }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant("match" as const), server, tier, keys }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("cleared" as const), server, tier, keys }) },
);

test.each([
  ["no limit in reach", 1e8, 1000],
  ["few entries of a block", 1e8, 3],
  ["few blocks", 12, 1000],
  ["few of both", 5, 2],
])("scores as an index of plain Maps does: %s", (_name, sizeBlocks, podCacheSize) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const index = new PrecisePrefixIndex({ sizeBlocks, podCacheSize, tierWeights: WEIGHTS });
      const plain = new PlainIndex(sizeBlocks, podCacheSize);
      const prompt = new PromptBlocks();
      for (const one of steps) {
        const hi = new Int32Array(one.keys.length);
        const lo = Int32Array.from(one.keys);
        if (one.type === "cleared") {
          index.cleared(one.server);
          plain.cleared(one.server);
        } else if (one.type === "match") {
          prompt.fill(prompts(one.keys), 16, false, 1000);
          const scores = new Float64Array(SERVERS);
          const cached = new Float64Array(SERVERS);
          index.match(prompt, 0, prompt.length, scores, cached);
          expect([...cached]).toEqual(plain.match(one.keys, () => 1));
          expect([...scores]).toEqual(plain.match(one.keys));
        } else {
          index[one.type](one.server, one.tier, hi, lo, 0, hi.length);
          plain[one.type](one.server, one.tier, one.keys);
        }
        expect(index.blocks).toBe(plain.keys.size);
      }
    }),
    { numRuns: 150 },
  );
});
