import type { TierKind } from "./tier-kind.ts";

/** A store that the fleet shares: a file system, an object store, Mooncake. It outlives its pods. */
export const networkStore: TierKind = {
  name: "network-store",
  summary: "Store that all pods reach over the network",
  storage: "networkStore",
  medium: "shared-storage",
  scope: "fleet",
  latencyUs: { value: 10, source: "as between nodes, beyond the store's own", confidence: "assumed" },
};
