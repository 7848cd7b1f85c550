import type { TierLoad, TierScope, TierWrite } from "./tier-kind.ts";

/** One tier of a pool. */
export interface KvTierInput {
  /** Name of its `TierKind`. */
  readonly tier: string;
  /** Of one instance. */
  readonly capacityBytes: number;
  readonly scope: TierScope;
  readonly write: TierWrite;
  readonly load: TierLoad;
  /** What is loaded from here is kept by the tiers above too. */
  readonly promote: boolean;
  /** What a request that reaches its engine will need is copied to the first tier while it waits. */
  readonly prefetch: boolean;
  /** Generated blocks are written too (vLLM's offloading); otherwise those of prompts (LMCache). */
  readonly storeOutputs: boolean;
  /** Other replicas' instances are read too, over the network between the pods. */
  readonly readPeers: boolean;
  /** Holds from the start what the workload's prompts share, first requests first, as far as it has room. */
  readonly warm: boolean;
}

/** Where the replicas of a pool keep KV blocks below HBM, nearest first. */
export interface KvTiersInput {
  /** KV cache of a token over all devices of a replica. */
  readonly kvBytesPerToken: number;
  readonly tiers: readonly KvTierInput[];
}
