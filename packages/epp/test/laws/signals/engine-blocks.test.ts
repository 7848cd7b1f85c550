import fc from "fast-check";
import { expect, it } from "vitest";
import { EngineBlocks, newKvEventCounters } from "../../../src/signals/kv-events/engine-blocks.ts";
import type { EngineEvent } from "../../../src/signals/kv-events/engine-event.ts";
import { PreciseKeys } from "../../../src/tokens/precise-keys.ts";

/** An engine's prompt: a path in a tree of blocks, each block two tokens wide. */
const path = fc.array(fc.nat(2), { minLength: 1, maxLength: 5 });
const medium = fc.constantFrom("gpu", "cpu");
const step = fc.oneof(
  { arbitrary: fc.record({ type: fc.constant("stored" as const), path, from: fc.nat(4), medium }), weight: 4 },
  { arbitrary: fc.record({ type: fc.constant("moved" as const), path, from: fc.nat(4), medium }), weight: 1 },
  { arbitrary: fc.record({ type: fc.constant("removed" as const), path, from: fc.nat(4), medium }), weight: 3 },
  { arbitrary: fc.record({ type: fc.constant("cleared" as const) }), weight: 1 },
);

/** A block's hash is its path. */
const hashOf = (blocks: readonly number[]): bigint => blocks.reduce((hash, block) => hash * 3n + BigInt(block + 1), 7n);

/**
 * What upstream's index holds: a set of (tier, block), of which a removal takes a block once as many removals as stores
 * have named it.
 */
class PlainIndex {
  readonly counts = new Map<string, number>();
  readonly known = new Set<bigint>();

  store(tier: string, hash: bigint): void {
    this.known.add(hash);
    this.counts.set(`${tier} ${hash}`, (this.counts.get(`${tier} ${hash}`) ?? 0) + 1);
  }

  remove(tier: string, hash: bigint): void {
    const count = this.counts.get(`${tier} ${hash}`);
    if (count === undefined) return;
    if (count > 1) this.counts.set(`${tier} ${hash}`, count - 1);
    else this.counts.delete(`${tier} ${hash}`);
    if (![...this.counts.keys()].some((key) => key.endsWith(` ${hash}`))) this.known.delete(hash);
  }
}

it.each([1, 2, 4])(
  "the router is told of exactly the blocks that the engine holds, blocks of %d tokens",
  (blockSizeTokens) => {
    const config = { blockSizeTokens, hashSeed: "", hashAlgorithm: "xxh64" as const };
    const engineBlockTokens = 4;
    const perBlock = engineBlockTokens / blockSizeTokens;
    const keys = new PreciseKeys(config);
    const tokensOf = (blocks: readonly number[]) => Int32Array.from(blocks.flatMap((block) => [block, 8, 9, block]));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const plain = new PlainIndex();
        /** As the router's index counts: tier and key. */
        const told = new Map<string, number>();
        const blocks = new EngineBlocks(
          keys,
          { maxBlocks: 1000, fleetTiers: new Set() },
          newKvEventCounters(),
          ({ type, medium, keys }) => {
            if (type === "cleared") told.clear();
            for (let k = 0; k < (keys?.length ?? 0); k++) {
              const key = `${medium} ${keys!.hi[k]},${keys!.lo[k]}`;
              const count = (told.get(key) ?? 0) + (type === "stored" ? 1 : -1);
              expect(count).toBeGreaterThanOrEqual(0);
              if (count === 0) told.delete(key);
              else told.set(key, count);
            }
          },
        );
        const names = new Map<string, bigint>();
        for (const one of steps) {
          if (one.type === "cleared") {
            blocks.apply({ type: "cleared" }, "m");
            plain.counts.clear();
            plain.known.clear();
            continue;
          }
          const from = Math.min(one.from, one.path.length - 1);
          const hashes = one.path.slice(from).map((_, i) => hashOf(one.path.slice(0, from + i + 1)));
          if (one.type === "removed") {
            blocks.apply({ type: "removed", hashes, medium: one.medium, group: undefined }, "m");
            for (const hash of hashes) plain.remove(one.medium, hash);
            continue;
          }
          const parent = from === 0 ? undefined : hashOf(one.path.slice(0, from));
          const event: EngineEvent = {
            type: "stored",
            hashes,
            parent: one.type === "moved" ? undefined : parent,
            tokens: one.type === "moved" ? new Int32Array() : tokensOf(one.path.slice(from)),
            blockSizeTokens: engineBlockTokens,
            medium: one.medium,
            loraName: undefined,
            extraKeys: undefined,
            group: undefined,
            cacheKind: undefined,
          };
          blocks.apply(event, "m");
          if (one.type === "moved") for (const hash of hashes) if (plain.known.has(hash)) plain.store(one.medium, hash);
          if (one.type === "moved" || (parent !== undefined && !plain.known.has(parent))) continue;
          for (const hash of hashes) plain.store(one.medium, hash);
          const all = keys.keysOf(tokensOf(one.path), { model: "m" });
          hashes.forEach((hash, i) => {
            for (let k = (from + i) * perBlock; k < (from + i + 1) * perBlock; k++)
              names.set(`${all.hi[k]},${all.lo[k]}`, hash);
          });
        }
        const held = [...names].flatMap(([key, hash]) =>
          ["gpu", "cpu"].filter((tier) => plain.counts.has(`${tier} ${hash}`)).map((tier) => `${tier} ${key}`),
        );
        expect([...told.keys()].sort()).toEqual(held.sort());
        expect(blocks.size).toBe(plain.known.size);
      }),
      { numRuns: 300 },
    );
  },
);
