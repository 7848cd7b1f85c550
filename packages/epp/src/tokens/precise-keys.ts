import type { BlockKeys, EndpointPickerConfig, PluginSpec } from "@windtunnel/router-policies";
import { type BlockHash, CborFnvHash, Xxh64BlockHash } from "./block-hash.ts";

/** The deprecated `precise-prefix-cache-scorer` brings one along. */
const PRODUCER = "precise-prefix-cache-producer";
const DEFAULT_BLOCK_SIZE_TOKENS = 16;
/** Models and adapters whose roots are kept. */
const MAX_ROOTS = 1000;
const NO_EXTRAS: readonly string[] = [];

/** How the precise index's keys are made: `tokenProcessorConfig` of its producer. */
export interface PreciseKeysConfig {
  readonly blockSizeTokens: number;
  readonly hashSeed: string;
  readonly hashAlgorithm: "cbor-fnv" | "xxh64";
}

/** A key by its halves. */
export interface BlockKey {
  readonly hi: number;
  readonly lo: number;
}

/** Where a run of blocks stands. */
export interface KeyedRun {
  /** Of the first block's parent; the LoRA adapter's name replaces that of the model. */
  readonly model: string;
  /** Key of the block before; a prompt's first block has none. */
  readonly parent?: BlockKey;
  /** By block: the hashes of multimodal items in it; the cache salt is the last one of a prompt's first block. */
  readonly extras?: readonly (readonly string[] | null | undefined)[];
}

/**
 * Makes the precise index's keys as upstream does (llm-d-router, `pkg/kvcache/kvblock`): each full block's hash covers
 * its parent's key, its tokens and its extras.
 */
export class PreciseKeys {
  readonly config: PreciseKeysConfig;
  readonly #hash: BlockHash;
  readonly #roots = new Map<string, BlockKey>();
  readonly #out: BlockKeys = { length: 0, hi: new Int32Array(64), lo: new Int32Array(64) };
  #tokens = new Int32Array(1024);

  constructor(config: PreciseKeysConfig) {
    this.config = config;
    this.#hash = config.hashAlgorithm === "xxh64" ? new Xxh64BlockHash() : new CborFnvHash();
  }

  /** Keys of the full blocks; the arrays hold until the next call. */
  keysOf(tokens: ArrayLike<number>, run: KeyedRun): BlockKeys {
    if (this.#tokens.length < tokens.length) this.#tokens = new Int32Array(2 * tokens.length);
    for (let i = 0; i < tokens.length; i++) this.#tokens[i] = tokens[i]!;
    const blocks = Math.floor(tokens.length / this.config.blockSizeTokens);
    if (this.#out.hi.length < blocks) {
      this.#out.hi = new Int32Array(2 * blocks);
      this.#out.lo = new Int32Array(2 * blocks);
    }
    this.write(this.#tokens, blocks, run, this.#out);
    return this.#out;
  }

  /** Writes the keys of that many blocks of tokens, given as 32-bit words. */
  write(tokens: Int32Array, blocks: number, { model, parent, extras }: KeyedRun, keys: BlockKeys): void {
    const { blockSizeTokens } = this.config;
    const hash = this.#hash;
    let { lo, hi } = parent ?? this.#root(model);
    for (let block = 0; block < blocks; block++) {
      const from = block * blockSizeTokens;
      hash.block(lo, hi, tokens, from, from + blockSizeTokens, extras?.[block] ?? NO_EXTRAS);
      ({ lo, hi } = hash);
      keys.lo[block] = lo;
      keys.hi[block] = hi;
    }
    keys.length = blocks;
  }

  #root(model: string): BlockKey {
    const known = this.#roots.get(model);
    if (known !== undefined) return known;
    this.#hash.root(this.config.hashSeed, model);
    const root = { lo: this.#hash.lo, hi: this.#hash.hi };
    if (this.#roots.size < MAX_ROOTS) this.#roots.set(model, root);
    return root;
  }
}

/** The precise producers of a configuration, in order. */
export const preciseProducers = (config: EndpointPickerConfig): readonly PluginSpec[] =>
  config.plugins.filter(({ type }) => type === PRODUCER);

/** How a precise producer makes its keys. */
export function preciseKeysConfig({ parameters }: PluginSpec): PreciseKeysConfig {
  const given = (parameters.tokenProcessorConfig ?? {}) as Partial<PreciseKeysConfig & { blockSize: number }>;
  return {
    blockSizeTokens: given.blockSizeTokens ?? given.blockSize ?? DEFAULT_BLOCK_SIZE_TOKENS,
    hashSeed: given.hashSeed ?? "",
    hashAlgorithm: given.hashAlgorithm ?? "cbor-fnv",
  };
}
