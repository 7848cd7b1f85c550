import type { Quantity } from "../hardware/accelerator.ts";
import type { StorageTier } from "../network/fleet-network.ts";

/** Who uses one instance of a tier: the replica itself, all replicas of its node, or the whole fleet. */
export const TIER_SCOPES = ["replica", "node", "fleet"] as const;
export type TierScope = (typeof TIER_SCOPES)[number];

/**
 * How blocks come into a tier: `through` as soon as an engine has computed them, `back` when the tier above, HBM for the
 * first, evicts them,
 * `none` never (what is there from the start is read).
 */
export const TIER_WRITES = ["through", "back", "none"] as const;
export type TierWrite = (typeof TIER_WRITES)[number];

/** Whether what is found is loaded: always, never, or where that takes less time than computing it again. */
export const TIER_LOADS = ["cheaper", "always", "never"] as const;
export type TierLoad = (typeof TIER_LOADS)[number];

/** A place below HBM where KV blocks are kept. */
export interface TierKind {
  readonly name: string;
  readonly summary: string;
  /** Whose links its transfers take. */
  readonly storage: StorageTier;
  /** What its KV events call it. */
  readonly medium: string;
  readonly scope: TierScope;
  /** Before the bytes of a transfer flow, beyond what its links have. */
  readonly latencyUs: Quantity;
}
