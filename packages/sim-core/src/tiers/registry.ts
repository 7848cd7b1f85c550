import { ScenarioError } from "../errors.ts";
import { hostDram } from "./host-dram.ts";
import { networkStore } from "./network-store.ts";
import { nvme } from "./nvme.ts";
import type { TierKind } from "./tier-kind.ts";

/** Every kind of tier. */
export const TIER_KINDS = [hostDram, nvme, networkStore] as const satisfies readonly TierKind[];

/** The tier of this name. */
export function tierKindNamed(name: string): TierKind {
  const kind = TIER_KINDS.find((known) => known.name === name);
  if (kind !== undefined) return kind;
  throw new ScenarioError(`unknown tier "${name}"; known: ${TIER_KINDS.map((known) => known.name).join(", ")}`);
}
