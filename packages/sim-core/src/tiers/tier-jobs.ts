import { BlockRuns } from "./block-runs.ts";
import type { ChainTier, TierSource } from "./tier-chain.ts";
import type { TierWay } from "./tier-ways.ts";

/** One transfer to or from a tier. */
export interface TierJob {
  readonly id: number;
  /** What it writes, and where; nothing for a load into HBM. */
  readonly runs: BlockRuns;
  /** Instead: the run of the store that nobody can name, or -1. */
  unnamedRun: number;
  into: ChainTier | undefined;
  way: TierWay | undefined;
  bytes: number;
  /** Of a load: the request whose blocks it fills. */
  slot: number;
  /** Of a copy from below: the blocks' source, which keeps them until the end. */
  from: TierSource | undefined;
}

/** Transfers under way, by number; a number is used again. */
export class TierJobs {
  readonly #jobs: TierJob[] = [];
  readonly #free: TierJob[] = [];

  take(): TierJob {
    const freed = this.#free.pop();
    if (freed !== undefined) {
      freed.runs.clear();
      freed.slot = -1;
      freed.unnamedRun = -1;
      freed.bytes = 0;
      freed.into = undefined;
      freed.from = undefined;
      return freed;
    }
    const id = this.#jobs.length;
    const made: TierJob = {
      ...{ id, runs: new BlockRuns(), unnamedRun: -1, slot: -1, bytes: 0 },
      into: undefined,
      way: undefined,
      from: undefined,
    };
    this.#jobs.push(made);
    return made;
  }

  free(job: TierJob): void {
    this.#free.push(job);
  }

  byId(id: number): TierJob {
    return this.#jobs[id]!;
  }
}
