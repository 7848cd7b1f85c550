import type { TierKind } from "./tier-kind.ts";

/** Memory of the pod's host: vLLM's `OffloadingConnector`, LMCache's `local_cpu`. */
export const hostDram: TierKind = {
  name: "host-dram",
  summary: "Memory of the host, over the host link of the replica's devices",
  storage: "hostDram",
  medium: "cpu",
  scope: "replica",
  latencyUs: { value: 10, source: "as between devices of a node", confidence: "assumed" },
};
