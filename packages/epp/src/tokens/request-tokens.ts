import type { BlockKeys } from "@windtunnel/router-policies";
import type { PromptPart } from "../parsers/parser.ts";
import { approxKeys, approxSeed } from "./approx-keys.ts";
import { BYTES_PER_TOKEN, type Estimate, type EstimateOptions, estimateOf, writeEstimate } from "./estimate.ts";
import { HashMemory } from "./hash-memory.ts";
import { KeyScratch } from "./key-scratch.ts";
import { type KeyedRun, PreciseKeys, type PreciseKeysConfig } from "./precise-keys.ts";
import type { PromptTokens } from "./prompt-tokens.ts";

/** A prompt: parts whose tokens are estimated, or token ids. */
export type TokenPrompt = readonly PromptPart[] | Uint32Array;

/** What the keys of a request's blocks depend on besides its tokens. */
export interface KeyedRequest {
  readonly model: string;
  readonly cacheSalt: string;
  /** Hashes of multimodal items by block of a prompt, for the precise index. */
  readonly extras?: (prompt: number, blockSizeTokens: number) => KeyedRun["extras"];
}

/** Makes the tokens of requests and the keys of their blocks; all share one scratch memory. */
export class TokenMaker {
  readonly estimate: EstimateOptions;
  readonly scratch = new KeyScratch();
  #memory: HashMemory | undefined;
  readonly #precise: readonly PreciseKeys[];

  /** @param precise how each precise index makes its keys; none without one */
  constructor(estimate: EstimateOptions, precise: readonly PreciseKeysConfig[]) {
    this.estimate = estimate;
    this.#precise = precise.map((config) => new PreciseKeys(config));
  }

  tokens(prompts: readonly TokenPrompt[], request: KeyedRequest): PromptTokens {
    return new RequestTokens(this, prompts, request);
  }

  /** Scratch of the hash; compiled when first used. */
  get memory(): HashMemory {
    this.#memory ??= new HashMemory();
    return this.#memory;
  }

  /** Of the precise index with that block size. */
  preciseKeys(blockSizeTokens: number): PreciseKeys | undefined {
    return this.#precise.find(({ config }) => config.blockSizeTokens === blockSizeTokens);
  }
}

class RequestTokens implements PromptTokens {
  readonly promptTokens: number;
  readonly promptCount: number;
  readonly #maker: TokenMaker;
  readonly #prompts: readonly TokenPrompt[];
  /** By prompt; undefined for token ids. */
  readonly #estimates: readonly (Estimate | undefined)[];
  readonly #request: KeyedRequest;
  #made: { blockSizeTokens: number; withPartialBlock: boolean; prompt: number; keys: BlockKeys }[] = [];

  constructor(maker: TokenMaker, prompts: readonly TokenPrompt[], request: KeyedRequest) {
    this.#maker = maker;
    this.#prompts = prompts;
    this.#request = request;
    this.#estimates = prompts.map((prompt) =>
      prompt instanceof Uint32Array ? undefined : estimateOf(prompt, maker.estimate),
    );
    this.promptTokens = prompts.reduce((sum, { length }, i) => sum + (this.#estimates[i]?.tokens ?? length), 0);
    this.promptCount = prompts.length;
  }

  keys(blockSizeTokens: number, withPartialBlock: boolean, prompt = 0): BlockKeys {
    if (!this.#maker.scratch.isOf(this)) this.#made = [];
    const known = this.#made.find(
      (one) =>
        one.blockSizeTokens === blockSizeTokens && one.withPartialBlock === withPartialBlock && one.prompt === prompt,
    );
    if (known !== undefined) return known.keys;
    const keys = withPartialBlock ? this.#approx(blockSizeTokens, prompt) : this.#precise(blockSizeTokens, prompt);
    this.#made.push({ blockSizeTokens, withPartialBlock, prompt, keys });
    return keys;
  }

  #approx(blockSizeTokens: number, prompt: number): BlockKeys {
    const { memory, scratch } = this.#maker;
    const seed = approxSeed(memory, this.#request.model, this.#request.cacheSalt);
    const bytes = this.#write(prompt);
    const keys = scratch.take(this, Math.ceil(bytes / (BYTES_PER_TOKEN * blockSizeTokens)));
    approxKeys(memory, bytes, blockSizeTokens, seed, keys);
    memory.trim();
    return keys;
  }

  #precise(blockSizeTokens: number, prompt: number): BlockKeys {
    const { memory, scratch } = this.#maker;
    const precise = this.#maker.preciseKeys(blockSizeTokens);
    const bytes = precise === undefined ? 0 : this.#write(prompt);
    const blocks = Math.floor(bytes / (BYTES_PER_TOKEN * blockSizeTokens));
    const keys = scratch.take(this, blocks);
    keys.length = 0;
    const { model, cacheSalt, extras } = this.#request;
    const items = extras?.(prompt, blockSizeTokens);
    const own = cacheSalt === "" ? items : withSalt(items, cacheSalt);
    precise?.write(memory.words(bytes), blocks, { model, ...(own === undefined ? {} : { extras: own }) }, keys);
    memory.trim();
    return keys;
  }

  /** Writes the prompt's tokens into the memory's room; gives their bytes. */
  #write(index: number): number {
    const { memory } = this.#maker;
    const prompt = this.#prompts[index] ?? [];
    const estimate = this.#estimates[index];
    if (!(prompt instanceof Uint32Array)) return estimate === undefined ? 0 : writeEstimate(prompt, estimate, memory);
    const bytes = BYTES_PER_TOKEN * prompt.length;
    memory.room(bytes);
    memory.words(bytes).set(prompt);
    return bytes;
  }
}

function withSalt(extras: KeyedRun["extras"], salt: string): NonNullable<KeyedRun["extras"]> {
  const [first, ...others] = extras ?? [];
  return [[...(first ?? []), salt], ...others];
}
