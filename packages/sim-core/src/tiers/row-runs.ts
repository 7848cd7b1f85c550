import type { PromptStreams } from "../engine/prompt-streams.ts";
import { BlockRuns } from "./block-runs.ts";

/** The blocks of a row's prompt and of what it generates, as runs by segment. */
export class RowRuns {
  readonly runs = new BlockRuns();
  readonly #streams: PromptStreams;

  constructor(streams: PromptStreams) {
    this.#streams = streams;
  }

  /** Whether no other row can name anything of this one. */
  isUnshared(row: number): boolean {
    return this.#streams.entries(row) === 1 && !this.#streams.outputIsShared(row);
  }

  /** Blocks at the start of the row's prompt that other rows can name. */
  sharedPromptBlocks(row: number, blockSizeTokens: number): number {
    const streams = this.#streams;
    if (streams.outputIsShared(row)) return Math.floor(streams.promptTokens(row) / blockSizeTokens);
    const entries = streams.entries(row);
    return entries < 2 ? 0 : Math.floor(streams.endTokens(row, entries - 2, entries) / blockSizeTokens);
  }

  /** Blocks `from` to `to` of the row, in their order; a block belongs to the segment that holds its last token. */
  of(row: number, from: number, to: number, blockSizeTokens: number): BlockRuns {
    const streams = this.#streams;
    const runs = this.runs;
    runs.clear();
    const entries = streams.entries(row);
    let at = from;
    for (let entry = 0; entry < entries && at < to; entry++) {
      const end = entry === entries - 1 ? to : Math.floor(streams.endTokens(row, entry, entries) / blockSizeTokens);
      const upTo = end < to ? end : to;
      if (upTo <= at) continue;
      runs.push(streams.segment(row, entry, entries), at, upTo);
      at = upTo;
    }
    return runs;
  }
}
