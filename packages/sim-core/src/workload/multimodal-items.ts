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
  const offsets = new Int32Array(rows.length + 1);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    offsets[i + 1] = offsets[i]! + items.offsets[row + 1]! - items.offsets[row]!;
  }
  const startTokens = new Int32Array(offsets[rows.length]!);
  const tokens = new Int32Array(startTokens.length);
  for (let i = 0; i < rows.length; i++) {
    const from = items.offsets[rows[i]!]!;
    const to = items.offsets[rows[i]! + 1]!;
    startTokens.set(items.startTokens.subarray(from, to), offsets[i]!);
    tokens.set(items.tokens.subarray(from, to), offsets[i]!);
  }
  return { offsets, startTokens, tokens };
}
