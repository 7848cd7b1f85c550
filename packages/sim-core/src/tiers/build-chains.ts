import { KvEventLog } from "../engine/kv-event-log.ts";
import type { EngineProfile } from "../engine/profile.ts";
import type { StepTimeModel } from "../engine/step-time-model.ts";
import { InvariantError } from "../errors.ts";
import type { FleetNetwork } from "../network/fleet-network.ts";
import type { Links } from "../network/links.ts";
import { BlockRuns } from "./block-runs.ts";
import { RecomputeTime } from "./recompute-time.ts";
import { tierKindNamed } from "./registry.ts";
import type { ChainTier, TierChain, TierInstance } from "./tier-chain.ts";
import type { KvTierInput, KvTiersInput } from "./tier-input.ts";
import { TierStore } from "./tier-store.ts";
import { TierWays } from "./tier-ways.ts";

/** What the tiers of a pool follow from. */
export interface TieredPool {
  readonly name: string;
  readonly replicas: number;
  readonly profile: EngineProfile;
  readonly stepTime: StepTimeModel;
  readonly kvTiers?: KvTiersInput;
}

/** What all tiers of a fleet have in common. */
export interface TierFleet {
  readonly pools: readonly TieredPool[];
  readonly network: FleetNetwork | undefined;
  /** By replica, where in the network it is; undefined: at its own number. */
  readonly places: readonly number[] | undefined;
  readonly links: Links;
  readonly kvEvents: boolean;
  readonly kvEventDelayUs: number;
  /** Hears of what is evicted from any tier, right after its events are written. */
  readonly spilled: (segment: number, from: number, to: number) => void;
  /** Segments from here on are one row's own, and nobody hears of them. */
  readonly firstPrivate: number;
}

/** Column of what comes from other pods' tiers. */
const PEERS = "peers";

/** Names of the sources of hits, in the order in which pools have them. */
export function sourcesOf(pools: readonly TieredPool[]): string[] {
  const tiers = pools.flatMap(({ kvTiers }) => kvTiers?.tiers ?? []);
  return [...new Set([...tiers.map(({ tier }) => tier), ...(tiers.some((t) => t.readPeers) ? [PEERS] : [])])];
}

/** Gives each replica its tiers; one instance for all that share it. By replica, undefined for those without. */
export class ChainBuilder {
  readonly chains: (TierChain | undefined)[] = [];
  readonly instances: TierInstance[] = [];
  readonly #fleet: TierFleet;
  readonly #ways: TierWays;
  readonly #sources: readonly string[];
  readonly #shared = new Map<string, TierInstance>();
  readonly #readPeers: boolean;

  constructor(fleet: TierFleet) {
    this.#fleet = fleet;
    this.#ways = new TierWays(fleet.network, fleet.places, fleet.links);
    this.#sources = sourcesOf(fleet.pools);
    this.#readPeers = fleet.pools.some(({ kvTiers }) => kvTiers?.tiers.some(({ readPeers }) => readPeers));
    for (const pool of fleet.pools) {
      for (let index = 0; index < pool.replicas; index++) this.#addReplica(pool, index);
    }
    for (const chain of this.chains) if (chain !== undefined) this.#addPeers(chain);
  }

  #addReplica(pool: TieredPool, index: number): void {
    const replica = this.chains.length;
    const { profile, stepTime, kvTiers } = pool;
    if (kvTiers === undefined || kvTiers.tiers.length === 0) {
      this.chains.push(undefined);
      return;
    }
    const { blockSizeTokens } = profile;
    const blockBytes = kvTiers.kvBytesPerToken * blockSizeTokens;
    const place = { replica, replicaName: `${pool.name}-${index}`, blockSizeTokens, blockBytes };
    const tiers = kvTiers.tiers.map((input, level) => this.#tier(input, level, place));
    const recompute = new RecomputeTime(stepTime, profile);
    const evicted = new BlockRuns();
    const isOwn = !this.#readPeers && tiers.every(({ input }) => input.scope === "replica" && input.write !== "back");
    this.chains.push({ replica, tiers, blockSizeTokens, blockBytes, recompute, evicted, isOwn });
  }

  #tier(input: KvTierInput, level: number, place: Place): ChainTier {
    const kind = tierKindNamed(input.tier);
    const { replica } = place;
    const instance = this.#instance(input, place);
    // What all pods have alike tells none from another.
    const log = new KvEventLog(this.#fleet.kvEvents && input.scope !== "fleet", this.#fleet.kvEventDelayUs);
    if (log.enabled) instance.logs.push(log);
    return {
      ...{ instance, kind, input, level, log, isPeer: false, peers: [], spill: new BlockRuns() },
      column: this.#sources.indexOf(input.tier),
      way: this.#ways.toTier(replica, kind, "read"),
      writeWay: this.#ways.toTier(replica, kind, "write"),
      downWay: this.#ways.belowHost(replica, kind, "write"),
      upWay: this.#ways.belowHost(replica, kind, "read"),
    };
  }

  #instance(input: KvTierInput, place: Place): TierInstance {
    const of = this.#ownerOf(input, place);
    const key = `${input.tier} ${of} ${place.blockSizeTokens} ${place.blockBytes}`;
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const logs: KvEventLog[] = [];
    const { firstPrivate, spilled } = this.#fleet;
    const tell = (isStored: boolean, segment: number, from: number, to: number): void => {
      if (segment < firstPrivate) for (const log of logs) log.add(isStored, segment, from, to);
    };
    const store = new TierStore(Math.floor(input.capacityBytes / place.blockBytes), {
      stored: (segment, from, to) => tell(true, segment, from, to),
      evicted: (segment, from, to) => {
        tell(false, segment, from, to);
        spilled(segment, from, to);
      },
    });
    const made = { tier: input.tier, of, store, logs, readBytes: 0, writtenBytes: 0 };
    this.#shared.set(key, made);
    this.instances.push(made);
    return made;
  }

  #ownerOf({ scope }: KvTierInput, { replica, replicaName }: Place): string {
    if (scope === "replica") return replicaName;
    if (scope === "fleet") return "fleet";
    const { network, places } = this.#fleet;
    const node = network?.replicas[places?.[replica] ?? replica]?.devices[0]?.node.name;
    if (node === undefined)
      throw new InvariantError("a tier of a node needs a network, which says where the nodes are");
    return node;
  }

  #addPeers(chain: TierChain): void {
    for (const tier of chain.tiers) {
      if (!tier.input.readPeers) continue;
      for (const other of this.chains) {
        if (other === undefined || other === chain || other.blockSizeTokens !== chain.blockSizeTokens) continue;
        for (const theirs of other.tiers) {
          if (theirs.kind !== tier.kind || theirs.instance === tier.instance) continue;
          tier.peers.push({
            ...{ instance: theirs.instance, level: tier.level, input: tier.input, isPeer: true },
            column: this.#sources.indexOf(PEERS),
            way: this.#ways.fromPeer(other.replica, chain.replica, tier.kind),
          });
        }
      }
    }
  }
}

interface Place {
  readonly replica: number;
  readonly replicaName: string;
  readonly blockSizeTokens: number;
  readonly blockBytes: number;
}
