import type { KvEvent } from "@windtunnel/router-policies";
import fc from "fast-check";
import { expect, it } from "vitest";
import { BlockTable } from "../../../../src/signals/kv-events/block-table.ts";
import { EngineBlocks, newKvEventCounters } from "../../../../src/signals/kv-events/engine-blocks.ts";
import type { EngineEvent } from "../../../../src/signals/kv-events/engine-event.ts";
import type { PreciseKeys } from "../../../../src/tokens/precise-keys.ts";

/** Keys that can be read: a name for each chain of blocks, numbered as they come. */
class NamedKeys {
  readonly names: string[] = [];
  readonly config: { readonly blockSizeTokens: number };

  constructor(blockSizeTokens: number) {
    this.config = { blockSizeTokens };
  }

  write(
    tokens: Int32Array,
    blocks: number,
    run: Parameters<PreciseKeys["write"]>[2],
    keys: Parameters<PreciseKeys["write"]>[3],
  ) {
    const { blockSizeTokens: size } = this.config;
    let name = run.parent === undefined ? `${run.model}:` : this.names[run.parent.lo]!;
    for (let block = 0; block < blocks; block++) {
      const extras = run.extras?.[block]?.map((extra) => `+${extra}`).join("") ?? "";
      name += `${[...tokens.subarray(block * size, (block + 1) * size)].join(",")}${extras}|`;
      keys.lo[block] = this.names.includes(name) ? this.names.indexOf(name) : this.names.push(name) - 1;
      keys.hi[block] = -1 - keys.lo[block]!;
    }
    keys.length = blocks;
  }
}

function endpoint(blockSizeTokens: number, maxBlocks = 1000, fleetTiers = new Set<string>()) {
  const keys = new NamedKeys(blockSizeTokens);
  const told: string[] = [];
  const counters = newKvEventCounters();
  const blocks = new EngineBlocks(
    keys as unknown as PreciseKeys,
    { maxBlocks, fleetTiers },
    counters,
    (event: KvEvent) => {
      const names =
        event.keys === undefined ? [] : [...event.keys.lo.subarray(0, event.keys.length)].map((k) => keys.names[k]);
      told.push([event.type, event.medium, ...names].join(" "));
    },
  );
  const take = (): string[] => told.splice(0);
  return { blocks, counters, take };
}

const stored = (
  hashes: number[],
  tokens: number[],
  rest: Partial<Extract<EngineEvent, { type: "stored" }>> = {},
): EngineEvent => ({
  type: "stored",
  hashes: hashes.map(BigInt),
  parent: undefined,
  tokens: Int32Array.from(tokens),
  blockSizeTokens: 2,
  medium: "gpu",
  loraName: undefined,
  extraKeys: undefined,
  group: undefined,
  cacheKind: undefined,
  ...rest,
});
const removed = (hashes: number[], medium = "gpu", group?: number): EngineEvent => ({
  type: "removed",
  hashes: hashes.map(BigInt),
  medium,
  group,
});

it("chains blocks on a known parent, and forgets what is removed", () => {
  const { blocks, counters, take } = endpoint(2);
  blocks.apply(stored([11, 12], [1, 2, 3, 4]), "m");
  blocks.apply(stored([13], [5, 6], { parent: 12n }), "m");
  expect(take()).toEqual(["stored gpu m:1,2| m:1,2|3,4|", "stored gpu m:1,2|3,4|5,6|"]);
  blocks.apply(removed([13, 12, 99]), "m");
  expect(take()).toEqual(["removed gpu m:1,2|3,4|5,6| m:1,2|3,4|"]);
  blocks.apply(stored([14], [7, 8], { parent: 12n }), "m");
  expect(take()).toEqual([]);
  expect(counters.unknownParent).toBe(1);
  expect(blocks.size).toBe(1);
});

it("names an adapter's blocks by the adapter, and extras by their hashes", () => {
  const { blocks, take } = endpoint(2);
  blocks.apply(stored([1], [1, 2], { loraName: "a" }), "m");
  blocks.apply(stored([2, 3], [1, 2, 3, 4], { extraKeys: [["x", "y"], undefined] }), "m");
  expect(take()).toEqual(["stored gpu a:1,2|", "stored gpu m:1,2+x+y| m:1,2+x+y|3,4|"]);
});

it("counts holders of a block in each tier", () => {
  const { blocks, take } = endpoint(2);
  blocks.apply(stored([1], [1, 2]), "m");
  blocks.apply(stored([1], [1, 2]), "m");
  blocks.apply(stored([1, 7], [], { medium: "cpu" }), "m");
  expect(take()).toEqual(["stored gpu m:1,2|", "stored gpu m:1,2|", "stored cpu m:1,2|"]);
  blocks.apply(removed([1]), "m");
  expect(take()).toEqual([]);
  blocks.apply(removed([1]), "m");
  expect(take()).toEqual(["removed gpu m:1,2| m:1,2|"]);
  blocks.apply(removed([1]), "m");
  blocks.apply(removed([1], "disk"), "m");
  expect(take()).toEqual([]);
  blocks.apply(removed([1], "cpu"), "m");
  expect(take()).toEqual(["removed cpu m:1,2|"]);
  expect(blocks.size).toBe(0);
});

it("takes engine blocks that are larger than the router's", () => {
  const { blocks, take } = endpoint(2);
  blocks.apply(stored([1, 2], [1, 2, 3, 4, 5, 6, 7, 8], { blockSizeTokens: 4, extraKeys: [["x"], undefined] }), "m");
  const [a, b] = ["m:1,2+x|", "m:1,2+x|3,4+x|"];
  expect(take()).toEqual([`stored gpu ${a} ${b} ${b}5,6| ${b}5,6|7,8|`]);
  blocks.apply(removed([2]), "m");
  expect(take()).toEqual([`removed gpu ${b}5,6|7,8| ${b}5,6|`]);
  blocks.apply(stored([3], [9, 9], { parent: 1n }), "m");
  expect(take()).toEqual([`stored gpu ${b}9,9|`]);
});

it("takes engine blocks that are smaller than the router's, and drops the tokens that are left over", () => {
  const { blocks, take } = endpoint(4);
  blocks.apply(
    stored([1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], { extraKeys: [["x"], ["y"], undefined, undefined] }),
    "m",
  );
  expect(take()).toEqual(["stored gpu m:1,2,3,4+x+y| m:1,2,3,4+x+y|5,6,7,8|"]);
  blocks.apply(removed([2]), "m");
  expect(take()).toEqual(["removed gpu m:1,2,3,4+x+y|"]);
  blocks.apply(removed([1]), "m");
  blocks.apply(stored([9], [1, 2]), "m");
  expect(take()).toEqual([]);
});

it("indexes only caches of whole prefixes among groups", () => {
  const { blocks, counters, take } = endpoint(2);
  blocks.apply(stored([1], [1, 2], { group: 0, cacheKind: "sliding_window" }), "m");
  blocks.apply(stored([2], [1, 2], { group: 5 }), "m");
  blocks.apply(stored([3], [1, 2, 3, 4], { group: 1, cacheKind: "full_attention" }), "m");
  expect([counters.notIndexable, take()]).toEqual([3, []]);
  blocks.apply(stored([4], [1, 2], { group: 1, cacheKind: "full_attention" }), "m");
  blocks.apply(stored([5], [3, 4], { group: 1, parent: 4n }), "m");
  expect(take()).toEqual(["stored gpu m:1,2|", "stored gpu m:1,2|3,4|"]);
  blocks.apply(removed([4], "gpu", 0), "m");
  blocks.apply(removed([4], "gpu", 9), "m");
  expect([counters.notIndexable, take()]).toEqual([5, []]);
  blocks.apply(removed([4], "gpu", 1), "m");
  expect(take()).toEqual(["removed gpu m:1,2|"]);
});

it("clears everything at once", () => {
  const { blocks, take } = endpoint(2);
  blocks.apply(stored([1], [1, 2]), "m");
  blocks.apply({ type: "cleared" }, "m");
  blocks.apply(removed([1]), "m");
  expect(take()).toEqual(["stored gpu m:1,2|", "cleared gpu"]);
  expect(blocks.size).toBe(0);
});

it("keeps within its limits", () => {
  const { blocks, counters, take } = endpoint(2, 2);
  blocks.apply(stored([1, 2], [1, 2, 3, 4]), "m");
  blocks.apply(stored([3], [5, 6]), "m");
  expect([counters.overLimit, blocks.size]).toEqual([1, 2]);
  take();
  for (let tier = 0; tier < 12; tier++) blocks.apply(stored([1], [], { medium: `tier${tier}` }), "m");
  expect(counters.overLimit).toBe(1 + 12);
  blocks.apply(removed([1, 2]), "m");
  for (let tier = 0; tier < 12; tier++) blocks.apply(stored([1], [1, 2], { medium: `tier${tier}` }), "m");
  expect(take().length).toBe(1 + 7);
});

it("keeps the tiers of all endpoints within a limit", () => {
  const tiers = new Set<string>();
  for (let server = 0; server < 9; server++) {
    const { blocks, counters } = endpoint(2, 1000, tiers);
    for (let tier = 0; tier < 8; tier++) blocks.apply(stored([1], [1, 2], { medium: `${server}-${tier}` }), "m");
    blocks.apply(stored([1], [1, 2], { medium: "x".repeat(99) }), "m");
    expect(counters.overLimit).toBe(server < 4 ? 1 : 9);
  }
  expect(tiers.size).toBe(32);
});

it("keeps records as a map does", () => {
  const step = fc.record({
    add: fc.boolean(),
    hi: fc.integer({ min: -2, max: 2 }),
    lo: fc.integer({ min: -9, max: 9 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const table = new BlockTable(3);
      const model = new Map<string, number>();
      steps.forEach(({ add, hi, lo }, i) => {
        const key = `${hi},${lo}`;
        const id = table.find(hi, lo);
        expect(id >= 0 ? table.word(id, 2) : undefined).toBe(model.get(key));
        if (add) {
          table.setWord(table.findOrAdd(hi, lo), 2, i);
          model.set(key, i);
        } else if (id >= 0) {
          table.remove(id);
          model.delete(key);
        }
        expect(table.size).toBe(model.size);
      });
      for (const [key, value] of model) {
        const [hi, lo] = key.split(",").map(Number);
        expect(table.word(table.find(hi!, lo!), 2)).toBe(value);
      }
    }),
  );
});
