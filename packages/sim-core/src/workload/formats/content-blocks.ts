import type { TraceRows } from "../trace-rows.ts";

/** Block size used where a trace gives contents instead of block ids: vLLM's own default. */
export const CONTENT_BLOCK_TOKENS = 16;

/** Numbers for contents of full blocks, equal where the contents are. */
export class ContentBlocks {
  readonly #numbers = new Map<string, number>();

  /** Names the last row's full blocks; `contentOf(i)` is the content of block i as text. */
  name(rows: TraceRows, fullBlocks: number, contentOf: (block: number) => string): void {
    const ids: number[] = [];
    for (let block = 0; block < fullBlocks; block++) {
      const content = contentOf(block);
      let number = this.#numbers.get(content);
      if (number === undefined) {
        number = this.#numbers.size;
        this.#numbers.set(content, number);
      }
      ids.push(number);
    }
    rows.nameBlocks(ids, CONTENT_BLOCK_TOKENS);
  }
}
