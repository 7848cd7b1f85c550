import { ScenarioError } from "../../errors.ts";
import { counterUniform, streamId } from "../../kernel/random.ts";
import type { Multimodal, SyntheticSpec } from "../generator-schema.ts";
import type { MultimodalItems } from "../multimodal-items.ts";
import { streamAt } from "./arrivals.ts";
import { lengthSampler } from "./distributions.ts";

/** Keeps a prompt's tokens in a 32-bit column. */
const MOST_TOKENS = 2 ** 30;

/** Sub-streams that each turn of a session has for the lengths of its items. */
const STREAMS_PER_TURN = 4096;

/** Tokens of each item in the own part of a request, or of a turn of a session, of a class. */
export type ItemLengths = (kind: number, index: number, turn?: number) => readonly number[];

/** How many items the requests of a specification have, and how long; undefined where they have none. */
export function itemLengths(spec: SyntheticSpec, draws: number, seed: number): ItemLengths | undefined {
  const entries = spec.classes ?? [{ multimodal: undefined }];
  const given = entries.map(({ multimodal }) => multimodal ?? spec.multimodal);
  if (given.every((entry) => entry === undefined)) return undefined;
  const ofClass = given.map((entry) => lengthsOfClass(entry, draws, seed));
  return (kind, index, turn = 0) => ofClass[kind]!(index, turn);
}

function lengthsOfClass(
  given: Multimodal | undefined,
  draws: number,
  seed: number,
): (index: number, turn: number) => readonly number[] {
  if (given === undefined) return () => [];
  const has = streamId("synthetic/multimodal");
  const howMany = streamId("synthetic/items");
  const howLong = streamId("synthetic/item-tokens");
  const items = lengthSampler(given.items, draws);
  const length = lengthSampler(given.tokensPerItem, draws);
  return (index, turn) => {
    if (given.fraction < 1 && counterUniform(seed, streamAt(has, turn), index) >= given.fraction) return [];
    const count = items.tokensAt(counterUniform(seed, streamAt(howMany, turn), index));
    return Array.from({ length: count }, (_, item) => {
      const stream = streamAt(howLong, STREAMS_PER_TURN * turn + item);
      return length.tokensAt(counterUniform(seed, stream, index));
    });
  };
}

/** Items while rows are being written, one row after the other. */
export class ItemWriter {
  readonly #offsets = [0];
  readonly #startTokens: number[] = [];
  readonly #tokens: number[] = [];

  /** Adds an item of the row in hand; returns where what follows it begins. */
  add(startTokens: number, tokens: number): number {
    this.#startTokens.push(startTokens);
    this.#tokens.push(tokens);
    if (startTokens + tokens <= MOST_TOKENS) return startTokens + tokens;
    const row = this.#offsets.length - 1;
    throw new ScenarioError(
      `multimodal: request ${row} has more than ${MOST_TOKENS} tokens, which are allowed at most`,
    );
  }

  /** Adds the items of the row before, which this one goes on from. */
  repeatLast(): void {
    const end = this.#offsets.at(-1)!;
    for (let item = this.#offsets.at(-2) ?? end; item < end; item++) {
      this.add(this.#startTokens[item]!, this.#tokens[item]!);
    }
  }

  endRow(): void {
    this.#offsets.push(this.#tokens.length);
  }

  columns(): MultimodalItems {
    return {
      offsets: Int32Array.from(this.#offsets),
      startTokens: Int32Array.from(this.#startTokens),
      tokens: Int32Array.from(this.#tokens),
    };
  }
}

/**
 * The items of each single request of a synthetic workload, at the beginning of its own tokens; its prompt grows by them.
 *
 * @param firstOwnToken where in a row's prompt its own tokens begin
 * @returns undefined where the specification has none
 */
export function insertItems(
  spec: SyntheticSpec,
  promptTokens: Int32Array,
  classOf: Uint8Array,
  firstOwnToken: (row: number) => number,
  seed: number,
): MultimodalItems | undefined {
  const count = promptTokens.length;
  const lengths = itemLengths(spec, count, seed);
  if (lengths === undefined) return undefined;
  const items = new ItemWriter();
  for (let row = 0; row < count; row++) {
    const first = firstOwnToken(row);
    const end = lengths(classOf[row] ?? 0, row).reduce((start, tokens) => items.add(start, tokens), first);
    promptTokens[row]! += end - first;
    items.endRow();
  }
  return items.columns();
}
