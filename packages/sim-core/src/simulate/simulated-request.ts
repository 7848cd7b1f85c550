import type { BlockKeys, InferenceRequest } from "@windtunnel/router-policies";
import type { PromptSegments, Workload } from "../workload/workload.ts";

/** The keys that one kind of question was answered with, kept until another row's are asked for. */
interface MadeKeys {
  readonly blockSizeTokens: number;
  readonly withPartialBlock: boolean;
  row: number;
  /** The block whose `lo` is not that of a full one, or -1. */
  partialBlock: number;
  readonly keys: BlockKeys;
}

/**
 * A row of the workload as the router may see it. One object serves all rows: `row` says which. A prefix of a prompt is
 * identified by the segment that holds its last token and its length, so these are a block's two numbers.
 */
export class SimulatedRequest implements InferenceRequest {
  readonly promptCount = 1;
  readonly fairnessId = "default-flow";
  readonly #workload: Workload;
  readonly #segments: PromptSegments | undefined;
  readonly #modelName: string;
  readonly #made: MadeKeys[] = [];
  #row = 0;

  constructor(workload: Workload, modelName: string) {
    this.#workload = workload;
    this.#segments = workload.segments;
    this.#modelName = modelName;
  }

  set row(row: number) {
    this.#row = row;
  }

  get id(): number {
    return this.#row;
  }

  /** The adapter that it asks for, as clients name it in `model`, or the model. */
  get targetModel(): string {
    const { adapters, adapterOf } = this.#workload;
    if (adapters === undefined || adapterOf === undefined) return this.#modelName;
    return adapters[adapterOf[this.#row]!] ?? this.#modelName;
  }

  get promptTokens(): number {
    return this.#workload.promptTokens[this.#row]!;
  }

  get priority(): number {
    const { classes, classOf } = this.#workload;
    return classes === undefined || classOf === undefined ? 0 : classes[classOf[this.#row]!]!.priority;
  }

  get hasMultimodal(): boolean {
    const { items } = this.#workload;
    return items !== undefined && items.offsets[this.#row + 1]! > items.offsets[this.#row]!;
  }

  header(): undefined {
    return undefined;
  }

  promptKeys(blockSizeTokens: number, withPartialBlock: boolean): BlockKeys {
    const made = this.#madeFor(blockSizeTokens, withPartialBlock);
    if (made.row !== this.#row) {
      made.row = this.#row;
      this.#make(made);
    }
    return made.keys;
  }

  #madeFor(blockSizeTokens: number, withPartialBlock: boolean): MadeKeys {
    for (let i = 0; i < this.#made.length; i++) {
      const made = this.#made[i]!;
      if (made.blockSizeTokens === blockSizeTokens && made.withPartialBlock === withPartialBlock) return made;
    }
    const keys = { length: 0, hi: new Int32Array(0), lo: new Int32Array(0) };
    const made = { blockSizeTokens, withPartialBlock, row: -1, partialBlock: -1, keys };
    this.#made.push(made);
    return made;
  }

  #make(made: MadeKeys): void {
    const { keys, blockSizeTokens } = made;
    const row = this.#row;
    const promptTokens = this.#workload.promptTokens[row]!;
    const full = Math.floor(promptTokens / blockSizeTokens);
    const blocks = made.withPartialBlock ? Math.ceil(promptTokens / blockSizeTokens) : full;
    if (blocks > keys.hi.length) growKeys(keys, 2 * blocks, blockSizeTokens);
    keys.length = blocks;
    const { hi, lo } = keys;
    // Where full blocks end is the same for all rows.
    if (made.partialBlock >= 0) lo[made.partialBlock] = (made.partialBlock + 1) * blockSizeTokens;
    made.partialBlock = blocks > full ? full : -1;
    if (blocks > full) lo[full] = promptTokens;
    const segments = this.#segments;
    let block = 0;
    if (segments !== undefined) {
      const lastEntry = segments.offsets[row + 1]!;
      for (let entry = segments.offsets[row]!; entry < lastEntry && block < blocks; entry++) {
        const segment = segments.ids[entry]!;
        const endTokens = segments.endTokens[entry]!;
        const end = endTokens >= promptTokens ? blocks : Math.min(full, Math.floor(endTokens / blockSizeTokens));
        while (block < end) hi[block++] = segment;
      }
    }
    // What no segment names is the row's own.
    while (block < blocks) hi[block++] = -1 - row;
  }
}

/** Gives the keys room for `blocks`, the ends of full blocks in place. */
function growKeys(keys: BlockKeys, blocks: number, blockSizeTokens: number): void {
  keys.hi = new Int32Array(blocks);
  keys.lo = Int32Array.from(keys.hi, (_, block) => (block + 1) * blockSizeTokens);
}
