import type { TierKind } from "./tier-kind.ts";

/** Drives of the node: LMCache's `local_disk`, a file system under vLLM's offloading. */
export const nvme: TierKind = {
  name: "nvme",
  summary: "Drives of the node, which its replicas share",
  storage: "nvme",
  medium: "disk",
  scope: "replica",
  latencyUs: { value: 10, source: "as between devices of a node, beyond the drive's own", confidence: "assumed" },
};
