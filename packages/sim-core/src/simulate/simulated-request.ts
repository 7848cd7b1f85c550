import type { BlockKeys, InferenceRequest } from "@windtunnel/router-policies";
import type { PromptSegments, Workload } from "../workload/workload.ts";

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
  readonly #keys: BlockKeys = { length: 0, hi: new Int32Array(256), lo: new Int32Array(256) };
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
    const promptTokens = this.#workload.promptTokens[this.#row]!;
    const full = Math.floor(promptTokens / blockSizeTokens);
    const blocks = withPartialBlock ? Math.ceil(promptTokens / blockSizeTokens) : full;
    const keys = this.#keys;
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
    return keys;
  }
}
