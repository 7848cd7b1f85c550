import type { BlockKeys, InferenceRequest } from "@windtunnel/router-policies";
import type { PromptSegments, Workload } from "../workload/workload.ts";

/** The keys that one kind of question was answered with, kept until another row's are asked for. */
interface MadeKeys {
  readonly blockSizeTokens: number;
  readonly withPartialBlock: boolean;
  row: number;
  readonly keys: BlockKeys;
}

/**
 * A row of the workload as the router may see it. One object serves all rows: `row` says which. A prefix of a prompt is
 * identified by the segment that holds its last token and its length, so these are a block's two numbers.
 */
export class SimulatedRequest implements InferenceRequest {
  readonly targetModel: string;
  readonly promptCount = 1;
  readonly fairnessId = "default-flow";
  readonly #workload: Workload;
  readonly #segments: PromptSegments | undefined;
  readonly #made: MadeKeys[] = [];
  #row = 0;

  constructor(workload: Workload, modelName: string) {
    this.#workload = workload;
    this.#segments = workload.segments;
    this.targetModel = modelName;
  }

  set row(row: number) {
    this.#row = row;
  }

  get id(): number {
    return this.#row;
  }

  get promptTokens(): number {
    return this.#workload.promptTokens[this.#row]!;
  }

  get priority(): number {
    const { classes, classOf } = this.#workload;
    return classes === undefined || classOf === undefined ? 0 : classes[classOf[this.#row]!]!.priority;
  }

  header(): undefined {
    return undefined;
  }

  promptKeys(blockSizeTokens: number, withPartialBlock: boolean): BlockKeys {
    let made = this.#made.find(
      (keys) => keys.blockSizeTokens === blockSizeTokens && keys.withPartialBlock === withPartialBlock,
    );
    if (made === undefined) {
      const none = { length: 0, hi: new Int32Array(256), lo: new Int32Array(256) };
      made = { blockSizeTokens, withPartialBlock, row: -1, keys: none };
      this.#made.push(made);
    }
    if (made.row !== this.#row) {
      made.row = this.#row;
      this.#make(made.keys, blockSizeTokens, withPartialBlock);
    }
    return made.keys;
  }

  #make(keys: BlockKeys, blockSizeTokens: number, withPartialBlock: boolean): void {
    const promptTokens = this.#workload.promptTokens[this.#row]!;
    const full = Math.floor(promptTokens / blockSizeTokens);
    const blocks = withPartialBlock ? Math.ceil(promptTokens / blockSizeTokens) : full;
    if (blocks > keys.hi.length) {
      keys.hi = new Int32Array(blocks * 2);
      keys.lo = new Int32Array(blocks * 2);
    }
    keys.length = blocks;
    const { hi, lo } = keys;
    const segments = this.#segments;
    let entry = segments === undefined ? 0 : segments.offsets[this.#row]!;
    const lastEntry = segments === undefined ? 0 : segments.offsets[this.#row + 1]!;
    let block = 0;
    for (; entry < lastEntry && block < blocks; entry++) {
      const segment = segments!.ids[entry]!;
      const segmentEndTokens = segments!.endTokens[entry]!;
      const end = Math.min(full, Math.floor(segmentEndTokens / blockSizeTokens));
      for (; block < end; block++) {
        hi[block] = segment;
        lo[block] = (block + 1) * blockSizeTokens;
      }
      if (block === full && blocks > full && segmentEndTokens >= promptTokens) {
        hi[block] = segment;
        lo[block++] = promptTokens;
      }
    }
    // What no segment names is the row's own.
    for (; block < blocks; block++) {
      hi[block] = -1 - this.#row;
      lo[block] = Math.min((block + 1) * blockSizeTokens, promptTokens);
    }
  }
}
