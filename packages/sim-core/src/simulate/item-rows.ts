import type { PromptItems } from "../engine/prompt-items.ts";
import type { RequestsInFlight } from "../engine/requests-in-flight.ts";
import type { MultimodalItems } from "../workload/multimodal-items.ts";
import type { Workload } from "../workload/workload.ts";

/**
 * The multimodal items of a workload as its engines have them. An item that is encoded for another pod is a request there,
 * with the item alone as its prompt: it has a row of its own, after those of the workload.
 */
export class ItemRows implements PromptItems {
  readonly largestTokens: number;
  readonly items: MultimodalItems;
  readonly #requests: RequestsInFlight;
  readonly #count: number;
  /** By row of the workload: 1 where the embeddings of its items come from elsewhere. */
  readonly #elsewhere: Uint8Array;
  readonly #owner: Int32Array;

  constructor(items: MultimodalItems, requests: RequestsInFlight) {
    this.items = items;
    this.#requests = requests;
    this.#count = items.offsets.length - 1;
    this.#elsewhere = new Uint8Array(this.#count);
    this.#owner = new Int32Array(items.tokens.length);
    for (let row = 0; row < this.#count; row++) {
      this.#owner.fill(row, items.offsets[row], items.offsets[row + 1]);
    }
    this.largestTokens = items.tokens.reduce((most, tokens) => Math.max(most, tokens), 0);
  }

  /** The row of the workload whose prompt an item is in. */
  ownerOf(item: number): number {
    return this.#owner[item]!;
  }

  /** An item's own row. */
  rowOf(item: number): number {
    return this.#count + item;
  }

  /** The item that a slot encodes for another pod, or -1. */
  itemOf(slot: number): number {
    return Math.max(-1, this.#requests.row[slot]! - this.#count);
  }

  encodesForOther(slot: number): boolean {
    return this.#requests.row[slot]! >= this.#count;
  }

  /** The row's embeddings are where its prompt is computed. */
  encodedElsewhere(row: number): void {
    this.#elsewhere[row] = 1;
  }

  firstOf(slot: number): number {
    const row = this.#requests.row[slot]!;
    return row < this.#count ? this.items.offsets[row]! : row - this.#count;
  }

  endOf(slot: number): number {
    const row = this.#requests.row[slot]!;
    if (row >= this.#count) return row - this.#count + 1;
    return this.items.offsets[this.#elsewhere[row] === 1 ? row : row + 1]!;
  }

  startTokens(slot: number, item: number): number {
    return this.encodesForOther(slot) ? 0 : this.items.startTokens[item]!;
  }

  tokens(item: number): number {
    return this.items.tokens[item]!;
  }
}

/** A column with a row of its own for each item, -1 in all of them. */
export function withItemRows(column: Int32Array, items: MultimodalItems | undefined): Int32Array {
  if (items === undefined) return column;
  const longer = new Int32Array(column.length + items.tokens.length).fill(-1);
  longer.set(column);
  return longer;
}

/** What prompts are made of, items as prompts of their own included, which share nothing. */
export function promptsWithItems(workload: Workload): Pick<Workload, "segments" | "promptTokens"> {
  const { items, segments } = workload;
  if (items === undefined) return workload;
  const promptTokens = withItemRows(workload.promptTokens, items);
  promptTokens.set(items.tokens, workload.count);
  if (segments === undefined) return { promptTokens };
  const { outputIds } = segments;
  const offsets = withItemRows(segments.offsets, items).fill(segments.offsets[workload.count]!, workload.count);
  const outputs = outputIds === undefined ? {} : { outputIds: withItemRows(outputIds, items) };
  return { promptTokens, segments: { ...segments, offsets, ...outputs } };
}
