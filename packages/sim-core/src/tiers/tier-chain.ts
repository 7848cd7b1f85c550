import type { KvEventLog } from "../engine/kv-event-log.ts";
import type { BlockRuns } from "./block-runs.ts";
import type { RecomputeTime } from "./recompute-time.ts";
import type { KvTierInput } from "./tier-input.ts";
import type { TierKind } from "./tier-kind.ts";
import type { TierStore } from "./tier-store.ts";
import type { TierWay } from "./tier-ways.ts";

/** A store with whose it is and what went in and out. */
export interface TierInstance {
  readonly tier: string;
  readonly of: string;
  readonly store: TierStore;
  /** Of the replicas that hear of it. */
  readonly logs: KvEventLog[];
  readBytes: number;
  writtenBytes: number;
}

/** Where a replica can read blocks: a tier of its own, or another replica's. */
export interface TierSource {
  readonly instance: TierInstance;
  readonly way: TierWay;
  /** Place in the chain; 0 for the nearest. */
  readonly level: number;
  /** Column of its hits. */
  readonly column: number;
  readonly input: KvTierInput;
  readonly isPeer: boolean;
}

/** One tier as one replica uses it. */
export interface ChainTier extends TierSource {
  readonly kind: TierKind;
  readonly log: KvEventLog;
  /** From HBM. */
  readonly writeWay: TierWay;
  /** From the tier above, and to it. */
  readonly downWay: TierWay;
  readonly upWay: TierWay;
  /** The same tier of other replicas. */
  readonly peers: TierSource[];
  /** What makes room here and goes to the tier below. */
  readonly spill: BlockRuns;
}

/** The tiers of one replica, nearest first. */
export interface TierChain {
  readonly replica: number;
  readonly tiers: readonly ChainTier[];
  readonly blockSizeTokens: number;
  readonly blockBytes: number;
  readonly recompute: RecomputeTime;
  /** What HBM has evicted in the step that has just started, last first, where the first tier takes that. */
  readonly evicted: BlockRuns;
  /** What only one request can name is never found: no other replica reads these tiers, and none passes on what it has. */
  readonly isOwn: boolean;
}
