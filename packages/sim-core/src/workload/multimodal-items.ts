import { pickSpans } from "./pick-spans.ts";

/**
 * Images, and audio or video, of each prompt, in CSR form: row r has items offsets[r] to offsets[r+1], in the order of its
 * tokens. An item is so many placeholder tokens of the prompt, one for each embedding that an encoder makes of it. The
 * last token of a prompt is in none.
 */
export interface MultimodalItems {
  readonly offsets: Int32Array;
  /** Where in its prompt an item begins. */
  readonly startTokens: Int32Array;
  readonly tokens: Int32Array;
}

/** The items of rows in a new order. */
export function pickItems(items: MultimodalItems, rows: Int32Array): MultimodalItems {
  const { offsets, columns } = pickSpans(items.offsets, [items.startTokens, items.tokens], rows);
  return { offsets, startTokens: columns[0], tokens: columns[1] };
}
