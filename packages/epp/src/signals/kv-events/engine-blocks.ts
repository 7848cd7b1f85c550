import type { BlockKeys, KvEvent } from "@windtunnel/router-policies";
import type { BlockKey, PreciseKeys } from "../../tokens/precise-keys.ts";
import { BlockTable } from "./block-table.ts";
import type { EngineEvent } from "./engine-event.ts";

/** What events have come to; all only grow. */
export interface KvEventCounters {
  stored: number;
  removed: number;
  cleared: number;
  /** A block that follows one that is not known here. */
  unknownParent: number;
  /** Of a cache whose blocks are no prefixes (sliding window, state space), or not dense. */
  notIndexable: number;
  /** Beyond the blocks, tiers or groups that are kept of one endpoint. */
  overLimit: number;
}

export const newKvEventCounters = (): KvEventCounters => ({
  stored: 0,
  removed: 0,
  cleared: 0,
  unknownParent: 0,
  notIndexable: 0,
  overLimit: 0,
});

/** What is kept of an endpoint at most. */
export interface EngineBlocksLimits {
  readonly maxBlocks: number;
  /** Names of the tiers that any endpoint has, shared by all. */
  readonly fleetTiers: Set<string>;
}

/** Kinds of caches whose blocks stand for whole prefixes. */
const PREFIX_KINDS = new Set(["full_attention", "mla_attention", "sink_full_attention"]);
/** Other spellings of the same kinds. */
const KIND_SPELLINGS: Readonly<Record<string, string>> = {
  mla: "mla_attention",
  sink_full: "sink_full_attention",
};
const MAX_GROUPS = 64;
/** Tiers of one endpoint; each has a byte of a record's counts. */
const MAX_TIERS = 8;
/** Tiers of all endpoints together: the router's index numbers them, and numbers no more than 256. */
const MAX_FLEET_TIERS = 32;
const LONGEST_TIER_NAME = 64;
const MOST_COUNTED = 255;

/** Words of an engine block's record: its hash, then its last router key, how many keys it has, and counts by tier. */
const KEY_HI = 2;
const KEY_LO = 3;
const SPAN = 4;
const HASH_COUNTS = 5;
const HASH_WORDS = 7;
/** Words of a router key's record: the key, then the key before it, and by tier how often the router was told of it. */
const BEFORE_HI = 2;
const BEFORE_LO = 3;
const TOLD = 4;
const KEY_WORDS = 6;

/**
 * The blocks that one endpoint holds: turns its engine's events into the router's keys (llm-d-router, `pkg/kvevents`).
 *
 * Unlike upstream, where all pods share one map of engine hashes, each endpoint has its own: what a server says of its
 * hashes has no bearing on others.
 */
export class EngineBlocks {
  readonly #chain: PreciseKeys;
  readonly #limits: EngineBlocksLimits;
  readonly #counters: KvEventCounters;
  readonly #emit: (event: KvEvent) => void;
  #hashes = new BlockTable(HASH_WORDS);
  #keys = new BlockTable(KEY_WORDS);
  readonly #tiers: string[] = [];
  readonly #groupKinds = new Map<number, string>();
  /** Scratch of one event. */
  readonly #scratch: BlockKeys = { length: 0, hi: new Int32Array(64), lo: new Int32Array(64) };

  constructor(
    chain: PreciseKeys,
    limits: EngineBlocksLimits,
    counters: KvEventCounters,
    emit: (event: KvEvent) => void,
  ) {
    this.#chain = chain;
    this.#limits = limits;
    this.#counters = counters;
    this.#emit = emit;
  }

  /** Engine blocks that are known. */
  get size(): number {
    return this.#hashes.size;
  }

  /** @param model of the server; an adapter's name takes its place */
  apply(event: EngineEvent, model: string): void {
    if (event.type === "stored") this.#stored(event, model);
    else if (event.type === "removed") this.#removed(event);
    else this.clear();
  }

  /** The endpoint holds nothing any more. */
  clear(): void {
    this.#counters.cleared++;
    this.#hashes = new BlockTable(HASH_WORDS);
    this.#keys = new BlockTable(KEY_WORDS);
    this.#emit({ type: "cleared", medium: "gpu", blockSizeTokens: this.#chain.config.blockSizeTokens });
  }

  #stored(event: Extract<EngineEvent, { type: "stored" }>, model: string): void {
    const counters = this.#counters;
    if (!this.#isIndexable(event)) {
      counters.notIndexable++;
      return;
    }
    const tier = this.#tierOf(event.medium);
    if (tier < 0 || this.#hashes.size + event.hashes.length > this.#limits.maxBlocks) {
      counters.overLimit++;
      return;
    }
    const parent = event.parent === undefined ? undefined : this.#lastKeyOf(event.parent);
    if (parent === null) {
      counters.unknownParent++;
      return;
    }
    if (event.tokens.length === 0) {
      this.#storedAgain(event.hashes, tier);
      return;
    }
    const keys = this.#scratch;
    const count = Math.floor(event.tokens.length / this.#chain.config.blockSizeTokens);
    if (count === 0 || event.hashes.length === 0) return;
    reserve(keys, count);
    const extras = event.extraKeys === undefined ? undefined : aligned(event.extraKeys, count);
    const run = { model: event.loraName ?? model, ...(parent && { parent }), ...(extras && { extras }) };
    this.#chain.write(event.tokens, count, run, keys);
    this.#remember(event.hashes, parent, tier);
    counters.stored++;
    this.#tell("stored", tier);
  }

  /** Counts the hashes and the keys at hand; hashes and keys stand for each other in order, whatever the block sizes. */
  #remember(hashes: readonly bigint[], parent: BlockKey | undefined, tier: number): void {
    const { length, hi, lo } = this.#scratch;
    for (let k = 0; k < length; k++) {
      const id = this.#keys.findOrAdd(hi[k]!, lo[k]!);
      this.#keys.setWord(id, BEFORE_HI, k > 0 ? hi[k - 1]! : (parent?.hi ?? 0));
      this.#keys.setWord(id, BEFORE_LO, k > 0 ? lo[k - 1]! : (parent?.lo ?? 0));
      addCount(this.#keys, id, TOLD, tier, 1);
    }
    for (let h = 0; h < hashes.length; h++) {
      const from = Math.floor((h * length) / hashes.length);
      const to = Math.max(from + 1, Math.floor(((h + 1) * length) / hashes.length));
      const id = this.#hashes.findOrAdd(highOf(hashes[h]!), lowOf(hashes[h]!));
      this.#hashes.setWord(id, KEY_HI, hi[to - 1]!);
      this.#hashes.setWord(id, KEY_LO, lo[to - 1]!);
      this.#hashes.setWord(id, SPAN, to - from);
      addCount(this.#hashes, id, HASH_COUNTS, tier, 1);
    }
  }

  /** Known blocks are in another tier too. */
  #storedAgain(hashes: readonly bigint[], tier: number): void {
    const keys = this.#scratch;
    keys.length = 0;
    for (const hash of hashes) {
      const id = this.#hashes.find(highOf(hash), lowOf(hash));
      if (id < 0) continue;
      addCount(this.#hashes, id, HASH_COUNTS, tier, 1);
      this.#eachKey(id, (key, hi, lo) => {
        addCount(this.#keys, key, TOLD, tier, 1);
        push(keys, hi, lo);
      });
    }
    if (keys.length === 0) return;
    this.#counters.stored++;
    this.#tell("stored", tier);
  }

  #removed(event: Extract<EngineEvent, { type: "removed" }>): void {
    const kind = event.group === undefined ? undefined : this.#groupKinds.get(event.group);
    if (event.group !== undefined && (kind === undefined || !PREFIX_KINDS.has(kind))) {
      this.#counters.notIndexable++;
      return;
    }
    const tier = this.#tiers.indexOf(event.medium);
    if (tier < 0) return;
    const keys = this.#scratch;
    keys.length = 0;
    for (const hash of event.hashes) this.#forget(highOf(hash), lowOf(hash), tier);
    if (keys.length === 0) return;
    this.#counters.removed++;
    this.#tell("removed", tier);
  }

  /** One holder less of a block in a tier; the last one takes the block's keys with it. */
  #forget(hashHi: number, hashLo: number, tier: number): void {
    const id = this.#hashes.find(hashHi, hashLo);
    if (id < 0 || countOf(this.#hashes, id, HASH_COUNTS, tier) === 0) return;
    addCount(this.#hashes, id, HASH_COUNTS, tier, -1);
    if (countOf(this.#hashes, id, HASH_COUNTS, tier) > 0) return;
    this.#eachKey(id, (key, hi, lo) => {
      // The router counts, so it is told as often as it was told before.
      for (let told = countOf(this.#keys, key, TOLD, tier); told > 0; told--) {
        push(this.#scratch, hi, lo);
        addCount(this.#keys, key, TOLD, tier, -1);
      }
      if (this.#keys.word(key, TOLD) === 0 && this.#keys.word(key, TOLD + 1) === 0) this.#keys.remove(key);
    });
    if (this.#hashes.word(id, HASH_COUNTS) === 0 && this.#hashes.word(id, HASH_COUNTS + 1) === 0)
      this.#hashes.remove(id);
  }

  /** The known keys of an engine block, from its last to its first. */
  #eachKey(hash: number, visit: (key: number, hi: number, lo: number) => void): void {
    let hi = this.#hashes.word(hash, KEY_HI);
    let lo = this.#hashes.word(hash, KEY_LO);
    for (let left = this.#hashes.word(hash, SPAN); left > 0; left--) {
      const key = this.#keys.find(hi, lo);
      if (key < 0) return;
      const beforeHi = this.#keys.word(key, BEFORE_HI);
      const beforeLo = this.#keys.word(key, BEFORE_LO);
      visit(key, hi, lo);
      hi = beforeHi;
      lo = beforeLo;
    }
  }

  /** The last key of a known engine block, null for an unknown one. */
  #lastKeyOf(hash: bigint): BlockKey | null {
    const id = this.#hashes.find(highOf(hash), lowOf(hash));
    return id < 0 ? null : { hi: this.#hashes.word(id, KEY_HI), lo: this.#hashes.word(id, KEY_LO) };
  }

  #tell(type: "stored" | "removed", tier: number): void {
    const medium = this.#tiers[tier]!;
    this.#emit({ type, medium, blockSizeTokens: this.#chain.config.blockSizeTokens, keys: this.#scratch });
  }

  #tierOf(medium: string): number {
    const known = this.#tiers.indexOf(medium);
    if (known >= 0) return known;
    const { fleetTiers } = this.#limits;
    const isNew = !fleetTiers.has(medium);
    if (this.#tiers.length >= MAX_TIERS || (isNew && fleetTiers.size >= MAX_FLEET_TIERS)) return -1;
    if (medium.length > LONGEST_TIER_NAME) return -1;
    fleetTiers.add(medium);
    return this.#tiers.push(medium) - 1;
  }

  /** Without a group always; with one, only caches of whole prefixes, with as many tokens as the hashes stand for. */
  #isIndexable({
    group,
    cacheKind,
    tokens,
    hashes,
    blockSizeTokens,
  }: Extract<EngineEvent, { type: "stored" }>): boolean {
    if (group === undefined) return true;
    const told = cacheKind === undefined ? undefined : (KIND_SPELLINGS[cacheKind] ?? cacheKind);
    const kind = told ?? this.#groupKinds.get(group);
    if (kind !== undefined && (this.#groupKinds.has(group) || this.#groupKinds.size < MAX_GROUPS)) {
      this.#groupKinds.set(group, kind);
    }
    if (kind === undefined || !PREFIX_KINDS.has(kind)) return false;
    return tokens.length === 0 || (blockSizeTokens > 0 && tokens.length === hashes.length * blockSizeTokens);
  }
}

const highOf = (hash: bigint): number => Number(BigInt.asIntN(32, hash >> 32n));
const lowOf = (hash: bigint): number => Number(BigInt.asIntN(32, hash));

/** Counts of eight tiers stand in the bytes of two words. */
function countOf(table: BlockTable, id: number, word: number, tier: number): number {
  return (table.word(id, word + (tier >>> 2)) >>> (8 * (tier & 3))) & MOST_COUNTED;
}

function addCount(table: BlockTable, id: number, word: number, tier: number, change: number): void {
  const shift = 8 * (tier & 3);
  const at = word + (tier >>> 2);
  const count = Math.min(MOST_COUNTED, countOf(table, id, word, tier) + change);
  table.setWord(id, at, (table.word(id, at) & ~(MOST_COUNTED << shift)) | (count << shift));
}

/** Extras by block of the router's size from extras by block of the engine's. */
function aligned(
  extras: readonly (readonly string[] | undefined)[],
  count: number,
): readonly (readonly string[] | undefined)[] | undefined {
  const given = extras.length;
  if (given === count) return extras;
  if (given === 0) return undefined;
  if (given < count) return Array.from({ length: count }, (_, i) => extras[Math.floor((i * given) / count)]);
  const merged: (string[] | undefined)[] = Array.from({ length: count }, () => undefined);
  for (let i = 0; i < given; i++) {
    const own = extras[i];
    if (own === undefined) continue;
    const at = Math.floor((i * count) / given);
    merged[at] = [...(merged[at] ?? []), ...own];
  }
  return merged;
}

function reserve(keys: BlockKeys, count: number): void {
  if (count > keys.hi.length) {
    const length = Math.max(count, 2 * keys.hi.length);
    const [hi, lo] = [keys.hi, keys.lo];
    keys.hi = new Int32Array(length);
    keys.lo = new Int32Array(length);
    keys.hi.set(hi);
    keys.lo.set(lo);
  }
}

function push(keys: BlockKeys, hi: number, lo: number): void {
  reserve(keys, keys.length + 1);
  keys.hi[keys.length] = hi;
  keys.lo[keys.length] = lo;
  keys.length++;
}
