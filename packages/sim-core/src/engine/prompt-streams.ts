import type { Workload } from "../workload/workload.ts";

/**
 * Which stream of tokens each block of a request belongs to. Block b of a request is identified by the segment that
 * holds its last token, because a segment id names everything before it as well; tokens that nobody else can name have
 * a private segment of the row.
 */
export class PromptStreams {
  readonly hasSegments: boolean;
  readonly #offsets: Int32Array | undefined;
  readonly #ids: Int32Array | undefined;
  readonly #endTokens: Int32Array | undefined;
  readonly #outputIds: Int32Array | undefined;
  readonly #promptTokens: Int32Array;
  /** Segments from here on are private to one row. */
  readonly firstPrivate: number;

  constructor(workload: Pick<Workload, "segments" | "promptTokens">) {
    const segments = workload.segments;
    this.hasSegments = segments !== undefined;
    this.#offsets = segments?.offsets;
    this.#ids = segments?.ids;
    this.#endTokens = segments?.endTokens;
    this.#outputIds = segments?.outputIds;
    this.#promptTokens = workload.promptTokens;
    this.firstPrivate = segments?.idCount ?? 0;
  }

  /** Entries of the row's prompt, and one more for what it generates. */
  entries(row: number): number {
    return (this.#offsets === undefined ? 0 : this.#offsets[row + 1]! - this.#offsets[row]!) + 1;
  }

  /** Segment of entry `index` of the row. */
  segment(row: number, index: number, entries: number): number {
    if (index === entries - 1) return this.outputSegment(row);
    return this.#ids![this.#offsets![row]! + index]!;
  }

  /** Tokens up to the end of entry `index`; the last entry has no end. */
  endTokens(row: number, index: number, entries: number): number {
    if (index < entries - 1) return this.#endTokens![this.#offsets![row]! + index]!;
    return Infinity;
  }

  /** The segment that the row's generated tokens (and, without a chain, its prompt) belong to. */
  outputSegment(row: number): number {
    const named = this.#outputIds === undefined ? -1 : this.#outputIds[row]!;
    return named >= 0 ? named : this.firstPrivate + row;
  }

  /** Whether other requests can name what the row generates. */
  outputIsShared(row: number): boolean {
    return this.#outputIds !== undefined && this.#outputIds[row]! >= 0;
  }

  promptTokens(row: number): number {
    return this.#promptTokens[row]!;
  }
}
