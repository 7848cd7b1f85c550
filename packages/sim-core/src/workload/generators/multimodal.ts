import { ScenarioError } from "../../errors.ts";
import { counterUniform, streamId } from "../../kernel/random.ts";
import type { Multimodal, SyntheticSpec } from "../generator-schema.ts";
import type { MultimodalItems } from "../multimodal-items.ts";
import { streamAt } from "./arrivals.ts";
import { lengthSampler } from "./distributions.ts";

/** Keeps a prompt's tokens in a 32-bit column. */
const MOST_TOKENS = 2 ** 30;

/** The items of one request, as lengths. */
type ItemLengths = (row: number) => readonly number[];

/**
 * The items of each request of a synthetic workload, at the beginning of its own tokens; its prompt grows by them.
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
  const entries = spec.classes ?? [{ multimodal: undefined }];
  const given = entries.map(({ multimodal }) => multimodal ?? spec.multimodal);
  if (given.every((entry) => entry === undefined)) return undefined;
  const count = promptTokens.length;
  const lengths = given.map((entry) => itemLengths(entry, count, seed));
  const offsets = new Int32Array(count + 1);
  const startTokens: number[] = [];
  const tokens: number[] = [];
  for (let row = 0; row < count; row++) {
    let start = firstOwnToken(row);
    for (const length of lengths[classOf[row] ?? 0]!(row)) {
      startTokens.push(start);
      tokens.push(length);
      start += length;
      promptTokens[row]! += length;
      if (start > MOST_TOKENS) {
        throw new ScenarioError(`multimodal: request ${row} has ${start} tokens, allowed: at most ${MOST_TOKENS}`);
      }
    }
    offsets[row + 1] = tokens.length;
  }
  return { offsets, startTokens: Int32Array.from(startTokens), tokens: Int32Array.from(tokens) };
}

function itemLengths(given: Multimodal | undefined, draws: number, seed: number): ItemLengths {
  if (given === undefined) return () => [];
  const has = streamId("synthetic/multimodal");
  const howMany = streamId("synthetic/items");
  const howLong = streamId("synthetic/item-tokens");
  const items = lengthSampler(given.items, draws);
  const length = lengthSampler(given.tokensPerItem, draws);
  return (row) => {
    if (given.fraction < 1 && counterUniform(seed, has, row) >= given.fraction) return [];
    const count = items.tokensAt(counterUniform(seed, howMany, row));
    return Array.from({ length: count }, (_, item) =>
      length.tokensAt(counterUniform(seed, streamAt(howLong, item), row)),
    );
  };
}
