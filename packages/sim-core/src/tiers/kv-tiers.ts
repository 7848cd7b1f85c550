import type { EngineListener } from "../engine/engine-listener.ts";
import type { KvConnector } from "../engine/kv-connector.ts";
import type { PromptStreams } from "../engine/prompt-streams.ts";
import type { RequestsInFlight } from "../engine/requests-in-flight.ts";
import type { LinkUser, SharedLinks } from "../network/shared-links.ts";
import { ChainBuilder, sourcesOf, type TieredPool, type TierFleet } from "./build-chains.ts";
import { type LoadPlan, planLoad } from "./load-plan.ts";
import { RowRuns } from "./row-runs.ts";
import type { TierChain, TierSource } from "./tier-chain.ts";
import { type TierJob, TierJobs } from "./tier-jobs.ts";
import { emptyTierColumns, type TierColumns, type TierResults } from "./tier-results.ts";
import type { TierWay } from "./tier-ways.ts";
import { TierWriter } from "./tier-writer.ts";

const NONE = -1;

/** What the tiers need of the simulation that they are part of. */
export interface TierHost {
  readonly requests: RequestsInFlight;
  readonly streams: PromptStreams;
  readonly nowUs: number;
  /** Requests of the run. */
  readonly count: number;
  loaded(replica: number, slot: number): void;
}

/** A request whose blocks are looked for, or on their way. */
interface Load {
  readonly chain: TierChain;
  readonly plan: LoadPlan;
  started: boolean;
  /** Transfers that have not ended. */
  parts: number;
}

/**
 * The tiers below HBM of all replicas. Engines know them as `KvConnector`s: blocks are looked for once, when a request
 * first comes to the head of the queue, and kept until they are loaded; what others can name of a prompt is written when
 * it is done, all else when its request ends.
 */
export class KvTiers {
  readonly columns: TierColumns;
  readonly chains: readonly (TierChain | undefined)[];
  /** Whether some replica's HBM is written back: `writeBack` is to be called after each of its steps has started. */
  readonly writesBack: boolean;
  readonly #host: TierHost;
  readonly #builder: ChainBuilder;
  readonly #links: LinkUser;
  readonly #jobs = new TierJobs();
  readonly #writer = new TierWriter(this.#jobs, (job, way, bytes) => this.#start(job, way, bytes));
  readonly #rowRuns: RowRuns;

  // By slot.
  /** Row for which blocks were looked for, or NONE. */
  #askedFor = new Int32Array(64).fill(NONE);
  readonly #loads: (Load | undefined)[] = [];

  constructor(
    pools: readonly TieredPool[],
    host: TierHost,
    fleet: Pick<TierFleet, "network" | "places" | "kvEvents" | "kvEventDelayUs">,
    links: SharedLinks,
  ) {
    this.#host = host;
    this.#links = links.join(Infinity, (id) => this.#end(this.#jobs.byId(id)));
    this.#rowRuns = new RowRuns(host.streams);
    this.#builder = new ChainBuilder({
      ...{ ...fleet, pools, links: links.links, firstPrivate: host.streams.firstPrivate },
      spilled: (segment, from, to) => this.#writer.spilled(segment, from, to),
    });
    this.chains = this.#builder.chains;
    this.writesBack = this.chains.some((chain) => chain !== undefined && takesEvicted(chain));
    this.columns = emptyTierColumns(sourcesOf(pools), host.count);
    this.#warmUp();
  }

  /** Copies what the request will need from tiers that prefetch to the first, while it waits. */
  enqueued(replica: number, slot: number): void {
    const chain = this.chains[replica];
    if (chain === undefined || !chain.tiers.some(({ input }) => input.prefetch)) return;
    const { requests } = this.#host;
    if (chain.isOwn && this.#rowRuns.isUnshared(requests.row[slot]!)) return;
    const blocks = Math.floor(requests.promptTokens[slot]! / chain.blockSizeTokens);
    const runs = this.#rowRuns.of(requests.row[slot]!, 0, blocks, chain.blockSizeTokens);
    const wanted = planLoad(chain, runs, requests.promptTokens[slot]!);
    const first = chain.tiers[0]!;
    for (const { source, segment, from, to } of wanted?.pieces ?? []) {
      if (source.isPeer || !source.input.prefetch || source.level === 0) continue;
      const { upWay } = chain.tiers[source.level]!;
      runs.clear();
      runs.push(segment, from, to);
      this.#writer.write(chain, first, runs, upWay, source);
    }
  }

  /** The request has left its engine without having been done. */
  left(slot: number): void {
    this.#forget(slot);
  }

  // --- what engines ask and tell ------------------------------------------------------------------------------------

  /** What stands between the engine of a replica and its tiers; null where it has none. */
  connector(replica: number): KvConnector | null {
    const chain = this.chains[replica];
    if (chain === undefined) return null;
    return {
      blocks: takesEvicted(chain)
        ? { stored: () => {}, evicted: (segment, from, to) => chain.evicted.pushBefore(segment, from, to) }
        : null,
      matchedTokens: (slot, computedTokens) => this.#matchedTokens(chain, slot, computedTokens),
      startLoad: (slot, fromTokens) => this.#startLoad(chain, slot, fromTokens),
      // What is written is copied aside at once.
      holdsBlocks: () => false,
    };
  }

  /** Hears of the requests in the engine of a replica, before `inner` does. */
  listener(replica: number, inner: EngineListener): EngineListener {
    const chain = this.chains[replica];
    if (chain === undefined) return inner;
    return {
      scheduled: (slot, cachedTokens) => {
        this.#forget(slot);
        inner.scheduled(slot, cachedTokens);
      },
      firstToken: (slot) => {
        const row = this.#host.requests.row[slot]!;
        const shared = this.#rowRuns.sharedPromptBlocks(row, chain.blockSizeTokens);
        if (shared > 0) this.#writeThrough(chain, row, 0, shared, shared);
        inner.firstToken(slot);
      },
      preempted: (slot) => inner.preempted(slot),
      finished: (slot) => {
        const { promptTokens, outputTokens, row: rows } = this.#host.requests;
        const row = rows[slot]!;
        const size = chain.blockSizeTokens;
        const prompt = promptTokens[slot]!;
        // The last token was sampled and not computed.
        const blocks = Math.floor((prompt + outputTokens[slot]! - 1) / size);
        if (chain.isOwn && this.#rowRuns.isUnshared(row)) this.#writeUnshared(chain, Math.floor(prompt / size), blocks);
        else
          this.#writeThrough(
            chain,
            row,
            this.#rowRuns.sharedPromptBlocks(row, size),
            Math.floor(prompt / size),
            blocks,
          );
        inner.finished(slot);
      },
    };
  }

  #matchedTokens(chain: TierChain, slot: number, computedTokens: number): number {
    const row = this.#host.requests.row[slot]!;
    if (chain.isOwn && this.#rowRuns.isUnshared(row)) return 0;
    if (slot >= this.#askedFor.length) this.#grow(slot);
    if (this.#askedFor[slot] !== row) {
      this.#forget(slot);
      this.#askedFor[slot] = row;
      this.#look(chain, slot, computedTokens);
    }
    const load = this.#loads[slot];
    if (load === undefined) return 0;
    const { from, to } = load.plan;
    const computed = computedTokens / chain.blockSizeTokens;
    // The engine may have gained blocks since; where it has lost some, what was found no longer joins on.
    return computed < from || computed >= to ? 0 : (to - computed) * chain.blockSizeTokens;
  }

  #look(chain: TierChain, slot: number, computedTokens: number): void {
    const { requests } = this.#host;
    const row = requests.row[slot]!;
    const size = chain.blockSizeTokens;
    const promptTokens = requests.promptTokens[slot]!;
    const blocks = Math.floor(promptTokens / size);
    const runs = this.#rowRuns.of(row, computedTokens / size, blocks, size);
    const plan = planLoad(chain, runs, promptTokens);
    if (plan !== undefined) {
      for (const { source, segment, from, to } of plan.pieces) source.instance.store.pin(segment, from, to);
      this.#loads[slot] = { chain, plan, started: false, parts: 0 };
    }
    this.#touch(chain, row, blocks);
  }

  /** The row's first blocks are in use, wherever they are. */
  #touch(chain: TierChain, row: number, blocks: number): void {
    const runs = this.#rowRuns.of(row, 0, blocks, chain.blockSizeTokens);
    for (const { instance } of chain.tiers) {
      for (let run = runs.length - 1; run >= 0; run--) {
        instance.store.touch(runs.segment(run), runs.from(run), runs.to(run));
      }
    }
  }

  // --- loads --------------------------------------------------------------------------------------------------------

  #startLoad(chain: TierChain, slot: number, fromTokens: number): void {
    const load = this.#loads[slot]!;
    load.started = true;
    const { pieces } = load.plan;
    const fromBlock = fromTokens / chain.blockSizeTokens;
    const { columns } = this;
    const row = this.#host.requests.row[slot]!;
    // The last token is computed even where it was loaded.
    let left = this.#host.requests.promptTokens[slot]! - 1 - fromTokens;
    for (let at = 0; at < pieces.length; ) {
      const { source } = pieces[at]!;
      let blocks = 0;
      for (; at < pieces.length && pieces[at]!.source === source; at++) {
        const { from, to } = pieces[at]!;
        blocks += Math.max(0, to - Math.max(from, fromBlock));
      }
      if (blocks === 0) continue;
      const bytes = blocks * chain.blockBytes;
      const tokens = Math.min(left, blocks * chain.blockSizeTokens);
      left -= tokens;
      columns.hitTokens[source.column]![row]! += tokens;
      columns.loadedBytes[row]! += bytes;
      this.#load(load, slot, source, bytes);
    }
    columns.loadStartUs[row] = this.#host.nowUs;
  }

  #load(load: Load, slot: number, source: TierSource, bytes: number): void {
    const job = this.#jobs.take();
    job.slot = slot;
    load.parts++;
    source.instance.readBytes += bytes;
    this.#start(job, source.way, bytes);
  }

  #endLoad(slot: number): void {
    const load = this.#loads[slot]!;
    if (--load.parts > 0) return;
    const { chain, plan } = load;
    this.columns.loadEndUs[this.#host.requests.row[slot]!] = this.#host.nowUs;
    this.#unpin(plan);
    this.#loads[slot] = undefined;
    for (const { source, segment, from, to } of plan.pieces) {
      if (source.isPeer || !source.input.promote) continue;
      for (let level = source.level - 1; level >= 0; level--) {
        this.#writer.promote(chain, chain.tiers[level]!, segment, from, to);
        this.#publish(chain);
      }
    }
    this.#host.loaded(chain.replica, slot);
  }

  #unpin({ pieces }: LoadPlan): void {
    for (const { source, segment, from, to } of pieces) source.instance.store.unpin(segment, from, to);
  }

  /** The request is being computed, or is another: what was found for it and not loaded may go. */
  #forget(slot: number): void {
    if (slot >= this.#askedFor.length) return;
    this.#askedFor[slot] = NONE;
    const load = this.#loads[slot];
    if (load === undefined) return;
    this.#unpin(load.plan);
    this.#loads[slot] = undefined;
  }

  // --- writes and transfers -----------------------------------------------------------------------------------------

  /** @param to blocks with what is generated; `promptTo` without */
  #writeThrough(chain: TierChain, row: number, from: number, promptTo: number, to: number): void {
    if (from >= to) return;
    let lacked = true;
    for (const tier of chain.tiers) {
      const { write, storeOutputs } = tier.input;
      const end = storeOutputs ? to : promptTo;
      if (write !== "through" || from >= end) continue;
      const runs = this.#rowRuns.of(row, from, end, chain.blockSizeTokens);
      lacked = this.#writer.write(chain, tier, runs, tier.writeWay) && lacked;
    }
    // What was there before comes before what was added: it stays as long.
    if (!lacked || from > 0) this.#touch(chain, row, to);
    this.#publish(chain);
  }

  /** The same of a row of which no other can name anything. */
  #writeUnshared(chain: TierChain, promptTo: number, to: number): void {
    for (const tier of chain.tiers) {
      const { write, storeOutputs } = tier.input;
      if (write === "through") this.#writer.writeUnnamed(chain, tier, storeOutputs ? to : promptTo);
    }
    this.#publish(chain);
  }

  /** Writes what the replica's HBM has evicted in the step that has just started. */
  writeBack(replica: number): void {
    const chain = this.chains[replica];
    if (chain === undefined || chain.evicted.blocks === 0) return;
    const { evicted, tiers } = chain;
    // The deepest blocks of a prompt are evicted first: the others are to stay for longer here too.
    evicted.reverse();
    this.#writer.write(chain, tiers[0]!, evicted, tiers[0]!.writeWay);
    evicted.clear();
    this.#publish(chain);
  }

  #start(job: TierJob, way: TierWay, bytes: number): void {
    job.way = way;
    job.bytes = bytes;
    way.underWay++;
    this.#links.start(way.path, bytes, this.#host.nowUs, job.id);
  }

  #end(job: TierJob): void {
    const { into, from, slot, runs } = job;
    job.way!.underWay--;
    if (into === undefined) {
      this.#jobs.free(job);
      this.#endLoad(slot);
      return;
    }
    this.#writer.written(into.instance, job);
    if (from !== undefined) {
      const { store } = from.instance;
      for (let run = 0; run < runs.length; run++) store.unpin(runs.segment(run), runs.from(run), runs.to(run));
    }
    this.#jobs.free(job);
    for (const log of into.instance.logs) log.publish(this.#host.nowUs);
  }

  /** Dates what the tiers of a replica have evicted. */
  #publish(chain: TierChain): void {
    for (const { instance } of chain.tiers) for (const log of instance.logs) log.publish(this.#host.nowUs);
  }

  // --- the start and the end of a run -------------------------------------------------------------------------------

  /** Fills the tiers that hold something from the start. */
  #warmUp(): void {
    const { streams, count } = this.#host;
    const warm = this.#warmTiers().filter(({ input }) => input.warm);
    if (warm.length === 0) return;
    const users = usersOf(streams, count);
    for (const { instance, chain } of warm) {
      const { store } = instance;
      for (let row = 0; row < count && store.usedBlocks < store.capacityBlocks; row++) {
        const blocks = Math.floor(streams.promptTokens(row) / chain.blockSizeTokens);
        const runs = this.#rowRuns.of(row, 0, blocks, chain.blockSizeTokens);
        const job = this.#jobs.take();
        for (let run = 0; run < runs.length; run++) {
          const segment = runs.segment(run);
          if (segment < streams.firstPrivate && users[segment]! > 1)
            store.missing(segment, runs.from(run), runs.to(run), job.runs);
        }
        job.runs.keep(store.capacityBlocks - store.usedBlocks);
        for (let run = job.runs.length - 1; run >= 0; run--) {
          store.add(job.runs.segment(run), job.runs.from(run), job.runs.to(run), job.id);
        }
        this.#writer.written(instance, job);
        this.#jobs.free(job);
      }
      for (const log of instance.logs) log.publish(-Infinity);
    }
  }

  #warmTiers() {
    const tiers = this.chains.flatMap((chain) => (chain?.tiers ?? []).map((tier) => ({ chain: chain!, ...tier })));
    return this.#builder.instances.map((instance) => tiers.find((tier) => tier.instance === instance)!);
  }

  results(): TierResults {
    return {
      tiers: this.#builder.instances.map(({ tier, of, store, readBytes, writtenBytes }) => ({
        ...{ tier, of, readBytes, writtenBytes },
        capacityBlocks: store.capacityBlocks,
        usedBlocks: store.usedBlocks,
        peakBlocks: store.peakBlocks,
        storedBlocks: store.storedBlocks,
        evictedBlocks: store.evictedBlocks,
      })),
    };
  }

  #grow(slot: number): void {
    const grown = new Int32Array(2 * slot + 1).fill(NONE);
    grown.set(this.#askedFor);
    this.#askedFor = grown;
  }
}

/** Whether the first tier has what HBM evicts. */
const takesEvicted = ({ tiers }: TierChain): boolean => tiers[0]!.input.write === "back";

/** How many prompts have each segment. */
function usersOf(streams: PromptStreams, count: number): Int32Array {
  const users = new Int32Array(streams.firstPrivate);
  for (let row = 0; row < count; row++) {
    const entries = streams.entries(row);
    for (let entry = 0; entry < entries - 1; entry++) users[streams.segment(row, entry, entries)]!++;
  }
  return users;
}
