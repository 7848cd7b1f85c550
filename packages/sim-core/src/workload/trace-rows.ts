import { ChainIndex } from "./chain-index.ts";
import { GrowingFloat64, GrowingInt32 } from "./growing-column.ts";
import type { MultimodalItems } from "./multimodal-items.ts";
import type { PromptSegments } from "./workload.ts";

/** A column of the file and what it is used for. */
export interface ColumnUse {
  readonly column: string;
  /** Words for the reader of `trace info`, e.g. `promptTokens` or `not used`. */
  readonly use: string;
}

/** A trace as its file has it: rows in file order, times unrounded, rows that cannot be served still counted. */
export interface TraceTable {
  readonly file: string;
  readonly format: string;
  readonly mapping: readonly ColumnUse[];
  readonly count: number;
  /** Microseconds, fractions kept; for a row with `releasedBy` the delay after that row's end. Absent = lengths only. */
  readonly arrivalUs?: Float64Array;
  readonly promptTokens: Int32Array;
  /** 0 where the file says so. */
  readonly outputTokens: Int32Array;
  readonly segments?: PromptSegments;
  /** The file's own id of each segment id, -1 for tokens without one. */
  readonly hashIds?: Float64Array;
  /** Tokens of a full block. */
  readonly blockSizeTokens?: number;
  readonly items?: MultimodalItems;
  readonly releasedBy?: Int32Array;
  readonly classOf?: Uint8Array;
  readonly classNames?: readonly string[];
  /** Index into `adapters` of the LoRA adapter that a row asks for, -1 for none. */
  readonly adapterOf?: Int32Array;
  readonly adapters?: readonly string[];
  /** Rows that were left out, by reason. */
  readonly skipped: ReadonlyMap<string, number>;
  /** What a reader of the numbers must know, e.g. that token counts are estimates. */
  readonly notes: readonly string[];
}

/** Classes that a row's `Uint8Array` can name; further names share the last. */
const MAX_CLASSES = 256;

/** Collects the rows of a trace in columns: the text of a row is gone once it is read. */
export class TraceRows {
  readonly #arrivalUs = new GrowingFloat64();
  readonly #promptTokens = new GrowingInt32();
  readonly #outputTokens = new GrowingInt32();
  readonly #releasedBy = new GrowingInt32();
  readonly #classOf = new GrowingInt32();
  readonly #classNames = new Map<string, number>();
  readonly #adapterOf = new GrowingInt32();
  readonly #adapters = new Map<string, number>();
  readonly #offsets = new GrowingInt32();
  readonly #ids = new GrowingInt32();
  readonly #endTokens = new GrowingInt32();
  readonly #outputIds = new GrowingInt32();
  readonly #itemOffsets = new GrowingInt32();
  readonly #itemStarts = new GrowingInt32();
  readonly #itemTokens = new GrowingInt32();
  readonly #chains = new ChainIndex();
  readonly #skipped = new Map<string, number>();
  readonly #notes = new Set<string>();
  #hasArrivals = true;
  #hasHashIds = false;
  #hasReleases = false;
  #hasOutputIds = false;
  #blockSizeTokens = 0;

  get count(): number {
    return this.#promptTokens.length;
  }

  /** Adds a row and gives its index. @param arrivalUs NaN where the format has no times */
  add(arrivalUs: number, promptTokens: number, outputTokens: number): number {
    const row = this.#promptTokens.length;
    if (Number.isNaN(arrivalUs)) this.#hasArrivals = false;
    this.#arrivalUs.push(arrivalUs);
    this.#promptTokens.push(promptTokens);
    this.#outputTokens.push(outputTokens);
    this.#releasedBy.push(-1);
    this.#classOf.push(0);
    this.#adapterOf.push(-1);
    this.#offsets.push(this.#ids.length);
    this.#itemOffsets.push(this.#itemTokens.length);
    this.#outputIds.push(-1);
    return row;
  }

  /** As `add`, for a row that starts `delayUs` after the end of row `parent`. */
  addReleased(parent: number, delayUs: number, promptTokens: number, outputTokens: number): number {
    const row = this.add(delayUs, promptTokens, outputTokens);
    this.#hasReleases = true;
    this.#releasedBy.set(row, parent);
    return row;
  }

  /**
   * Names the blocks of the last row's prompt.
   *
   * @param scope ids of different scopes are different blocks
   * @returns false when the number of ids fits neither the floor nor the ceiling of prompt / block size
   */
  nameBlocks(hashIds: readonly number[], blockSizeTokens: number, scope = 0): boolean {
    const promptTokens = this.#promptTokens.at(this.count - 1);
    const full = Math.floor(promptTokens / blockSizeTokens);
    if (hashIds.length !== full && hashIds.length !== Math.ceil(promptTokens / blockSizeTokens)) return false;
    this.#hasHashIds = true;
    this.#blockSizeTokens = blockSizeTokens;
    let parent = -1 - scope;
    for (let i = 0; i < hashIds.length; i++) {
      parent = this.#chains.numberOf(parent, hashIds[i]!);
      this.#ids.push(parent);
      this.#endTokens.push(Math.min((i + 1) * blockSizeTokens, promptTokens));
    }
    if (hashIds.length * blockSizeTokens < promptTokens) this.#nameTail(promptTokens);
    return true;
  }

  /**
   * Names the segments of the last row's prompt, of any lengths, by ids that alone mean the whole prefix.
   *
   * @param endTokens ascending, the last equal to the prompt's tokens
   * @param scope ids of different scopes are different segments
   */
  nameSegments(ids: readonly number[], endTokens: readonly number[], scope = 0): void {
    this.#hasHashIds = true;
    for (let i = 0; i < ids.length; i++) {
      this.#ids.push(this.#chains.numberOf(-1 - scope, ids[i]!));
      this.#endTokens.push(endTokens[i]!);
    }
  }

  /** Adds an item to the last row, after those that it has. */
  addItem(startTokens: number, tokens: number): void {
    this.#itemStarts.push(startTokens);
    this.#itemTokens.push(tokens);
  }

  /** Names the segment that the last row's generated tokens continue, as `nameSegments` does. */
  nameOutput(id: number, scope = 0): void {
    this.#hasOutputIds = true;
    this.#outputIds.set(this.count - 1, this.#chains.numberOf(-1 - scope, id));
  }

  /** The LoRA adapter that the last row asks for; gives its number, from 0. */
  setAdapter(name: string): number {
    const index = this.#adapters.get(name) ?? this.#adapters.size;
    this.#adapters.set(name, index);
    this.#adapterOf.set(this.count - 1, index);
    return index;
  }

  setClass(name: string): void {
    let index = this.#classNames.get(name);
    if (index === undefined) {
      index = Math.min(this.#classNames.size, MAX_CLASSES - 1);
      if (this.#classNames.size < MAX_CLASSES) this.#classNames.set(name, index);
    }
    this.#classOf.set(this.count - 1, index);
  }

  skip(reason: string): void {
    this.#skipped.set(reason, (this.#skipped.get(reason) ?? 0) + 1);
  }

  note(text: string): void {
    this.#notes.add(text);
  }

  finish(file: string, format: string, mapping: readonly ColumnUse[]): TraceTable {
    const count = this.count;
    return {
      file,
      format,
      mapping,
      count,
      ...(this.#hasArrivals ? { arrivalUs: this.#arrivalUs.toArray() } : {}),
      promptTokens: this.#promptTokens.toArray(),
      outputTokens: this.#outputTokens.toArray(),
      ...(this.#hasHashIds || this.#hasOutputIds ? this.#segmentColumns() : {}),
      ...(this.#itemTokens.length > 0 ? { items: this.#itemColumns() } : {}),
      ...(this.#hasReleases ? { releasedBy: this.#releasedBy.toArray() } : {}),
      ...(this.#classNames.size > 1
        ? { classOf: Uint8Array.from(this.#classOf.toArray()), classNames: [...this.#classNames.keys()] }
        : {}),
      ...(this.#adapters.size > 0
        ? { adapterOf: this.#adapterOf.toArray(), adapters: [...this.#adapters.keys()] }
        : {}),
      skipped: this.#skipped,
      notes: [...this.#notes],
    };
  }

  /** Tokens after the last named block: nothing else can share them. */
  #nameTail(promptTokens: number): void {
    this.#ids.push(this.#chains.fresh());
    this.#endTokens.push(promptTokens);
  }

  #itemColumns(): MultimodalItems {
    this.#itemOffsets.push(this.#itemTokens.length);
    return {
      offsets: this.#itemOffsets.toArray(),
      startTokens: this.#itemStarts.toArray(),
      tokens: this.#itemTokens.toArray(),
    };
  }

  #segmentColumns(): { segments: PromptSegments; hashIds: Float64Array; blockSizeTokens?: number } {
    const starts = this.#offsets.toArray();
    const offsets = new Int32Array(this.count + 1);
    const ids = new GrowingInt32();
    const endTokens = new GrowingInt32();
    for (let row = 0; row < this.count; row++) {
      const end = row + 1 < this.count ? starts[row + 1]! : this.#ids.length;
      for (let entry = starts[row]!; entry < end; entry++) {
        ids.push(this.#ids.at(entry));
        endTokens.push(this.#endTokens.at(entry));
      }
      const unnamed = starts[row] === end && this.#promptTokens.at(row) > 0;
      if (unnamed) {
        ids.push(this.#chains.fresh());
        endTokens.push(this.#promptTokens.at(row));
      }
      offsets[row + 1] = ids.length;
    }
    return {
      segments: {
        offsets,
        ids: ids.toArray(),
        endTokens: endTokens.toArray(),
        idCount: this.#chains.count,
        ...(this.#hasOutputIds ? { outputIds: this.#outputIds.toArray() } : {}),
      },
      hashIds: this.#chains.hashIds(),
      ...(this.#blockSizeTokens > 0 ? { blockSizeTokens: this.#blockSizeTokens } : {}),
    };
  }
}
