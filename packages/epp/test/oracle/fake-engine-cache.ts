import type { EngineEvent } from "../support/kv-publisher.ts";
import type { CaseRandom } from "./case-random.ts";

const MOST_BLOCKS_STORED_AT_ONCE = 6;

interface Block {
  readonly hash: bigint;
  readonly medium: string;
}

/** A block cache of one engine: what it stores and drops, told as events. Its hashes are its own, as an engine's are. */
export class FakeEngineCache {
  readonly #random: CaseRandom;
  readonly #blockSizeTokens: number;
  readonly #hashOf = new Map<string, Block>();
  #nextHash: bigint;

  constructor(random: CaseRandom, blockSizeTokens: number, index: number) {
    this.#random = random;
    this.#blockSizeTokens = blockSizeTokens;
    this.#nextHash = (BigInt(index + 1) << 56n) + 1n;
  }

  /** Something that may happen to an engine that has the prompts' tokens before it. */
  next(prompts: readonly (readonly number[])[]): EngineEvent | undefined {
    const draw = this.#random.next();
    if (draw < 0.02) return this.#clear();
    return draw < 0.2 ? this.#remove() : this.#store(this.#random.pick(prompts));
  }

  /** Stores what is missing of a prompt's head: an engine keeps a block only behind its predecessors. */
  #store(tokens: readonly number[]): EngineEvent | undefined {
    const size = this.#blockSizeTokens;
    const blocks = Math.floor(tokens.length / size);
    let held = 0;
    while (held < blocks && this.#hashOf.has(headKey(tokens, (held + 1) * size))) held++;
    const count = Math.min(blocks - held, 1 + this.#random.below(MOST_BLOCKS_STORED_AT_ONCE));
    if (count <= 0) return undefined;
    const parent = held === 0 ? undefined : this.#hashOf.get(headKey(tokens, held * size))!.hash;
    const medium = this.#random.chance(0.25) ? "cpu" : "GPU";
    const hashes: bigint[] = [];
    for (let block = held; block < held + count; block++) {
      const hash = this.#nextHash++;
      hashes.push(hash);
      this.#hashOf.set(headKey(tokens, (block + 1) * size), { hash, medium });
    }
    const stored = tokens.slice(held * size, (held + count) * size);
    return { kind: "stored", hashes, parent, tokens: stored, blockSizeTokens: size, medium };
  }

  #remove(): EngineEvent | undefined {
    const keys = [...this.#hashOf.keys()];
    if (keys.length === 0) return undefined;
    const key = this.#random.pick(keys);
    const { hash, medium } = this.#hashOf.get(key)!;
    this.#hashOf.delete(key);
    return { kind: "removed", hashes: [hash], medium };
  }

  #clear(): EngineEvent {
    this.#hashOf.clear();
    return { kind: "cleared" };
  }
}

function headKey(tokens: readonly number[], length: number): string {
  return tokens.slice(0, length).join(" ");
}
