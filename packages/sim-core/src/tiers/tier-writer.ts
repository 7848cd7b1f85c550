import type { BlockRuns } from "./block-runs.ts";
import type { ChainTier, TierChain, TierInstance, TierSource } from "./tier-chain.ts";
import type { TierJob, TierJobs } from "./tier-jobs.ts";
import type { TierWay } from "./tier-ways.ts";

/**
 * Puts blocks into tiers. What they displace goes to the tier below where that is written back.
 *
 * As in vLLM's offloading (0.19), blocks have their room from the start of a write, are found from its end, and are
 * not written where nothing that could go makes room. What is written back is copied aside: its room is free at once.
 */
export class TierWriter {
  readonly #jobs: TierJobs;
  readonly #start: (job: TierJob, way: TierWay, bytes: number) => void;
  #spillInto: BlockRuns | undefined;

  constructor(jobs: TierJobs, start: (job: TierJob, way: TierWay, bytes: number) => void) {
    this.#jobs = jobs;
    this.#start = start;
  }

  /** Hears what any tier evicts. */
  spilled(segment: number, from: number, to: number): void {
    this.#spillInto?.push(segment, from, to);
  }

  /**
   * Writes what a tier lacks of these blocks.
   *
   * @returns whether it lacked all of them
   */
  write(chain: TierChain, into: ChainTier, runs: BlockRuns, way: TierWay, from?: TierSource): boolean {
    const { store } = into.instance;
    const job = this.#jobs.take();
    for (let run = 0; run < runs.length; run++)
      store.missing(runs.segment(run), runs.from(run), runs.to(run), job.runs);
    const lacksAll = job.runs.blocks === runs.blocks;
    job.runs.keep(store.room);
    if (job.runs.blocks === 0) {
      this.#jobs.free(job);
      return lacksAll;
    }
    job.into = into;
    if (from !== undefined) {
      job.from = from;
      for (let run = 0; run < job.runs.length; run++) {
        from.instance.store.pin(job.runs.segment(run), job.runs.from(run), job.runs.to(run));
      }
    }
    this.#takeRoom(chain, into, job);
    const bytes = job.runs.blocks * chain.blockBytes;
    into.instance.writtenBytes += bytes;
    if (from !== undefined) from.instance.readBytes += bytes;
    this.#start(job, way, bytes);
    this.#writeBack(chain, into);
    return lacksAll;
  }

  /** Writes blocks that no other request can name to a tier from which nobody will read them. */
  writeUnnamed(chain: TierChain, into: ChainTier, blocks: number): void {
    const { instance } = into;
    const { store } = instance;
    const written = blocks < store.room ? blocks : store.room;
    if (written === 0) return;
    const job = this.#jobs.take();
    job.into = into;
    store.makeRoom(written);
    job.unnamedRun = store.addUnnamed(written, job.id);
    const bytes = written * chain.blockBytes;
    instance.writtenBytes += bytes;
    this.#start(job, into.writeWay, bytes);
  }

  /** Keeps what has come up from below on its way to HBM: it takes room, and no time of its own. */
  promote(chain: TierChain, into: ChainTier, segment: number, from: number, to: number): void {
    const { store } = into.instance;
    const job = this.#jobs.take();
    store.missing(segment, from, to, job.runs);
    job.runs.keep(store.room);
    if (job.runs.blocks > 0) {
      into.instance.writtenBytes += job.runs.blocks * chain.blockBytes;
      this.#takeRoom(chain, into, job);
      this.written(into.instance, job);
      this.#writeBack(chain, into);
    }
    this.#jobs.free(job);
  }

  /** Blocks of the job can be read from now on. */
  written({ store }: TierInstance, { id, runs, unnamedRun }: TierJob): void {
    if (unnamedRun >= 0) store.writtenUnnamed(unnamedRun);
    for (let run = 0; run < runs.length; run++) store.written(runs.segment(run), runs.from(run), runs.to(run), id);
  }

  #takeRoom(chain: TierChain, into: ChainTier, { id, runs }: TierJob): void {
    const { store } = into.instance;
    const below = chain.tiers[into.level + 1];
    into.spill.clear();
    this.#spillInto = below?.input.write === "back" ? into.spill : undefined;
    store.makeRoom(runs.blocks);
    this.#spillInto = undefined;
    // The last first: the first are to be the most recently used.
    for (let run = runs.length - 1; run >= 0; run--) {
      store.add(runs.segment(run), runs.from(run), runs.to(run), id);
    }
  }

  #writeBack(chain: TierChain, from: ChainTier): void {
    if (from.spill.blocks === 0) return;
    const below = chain.tiers[from.level + 1]!;
    this.write(chain, below, from.spill, below.downWay);
  }
}
