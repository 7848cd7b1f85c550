import type { LatencyMetric } from "./definitions.ts";

/** Durations that LoRA adapters bring: the wait for a place in the batch, and for the adapter in it. */
export const LORA_METRICS: readonly LatencyMetric[] = [
  {
    kind: "latency",
    name: "slot-wait",
    field: "slotWait",
    title: "Slot wait",
    unit: "s",
    better: "lower",
    formula: "scheduled − first time passed over",
    description:
      "Of requests that the engine passed over because as many other adapters as it takes were in the batch: from then to the first step that computed them. Part of the queue time. Absent where pools serve no LoRA adapters.",
    noData: "no request was passed over",
    valueUs: (r, i) => r.scheduledUs[i]! - (r.lora?.skippedUs[i] ?? Number.NaN),
  },
  {
    kind: "latency",
    name: "adapter-load",
    field: "adapterLoad",
    title: "Adapter load",
    unit: "s",
    better: "lower",
    formula: "time for which its first step waited for its adapter",
    description:
      "Of requests whose adapter was in no slot of their replica: its load from host memory, or from storage. The whole batch waits for it. Absent where pools serve no LoRA adapters.",
    noData: "no request's adapter was loaded",
    valueUs: (r, i) => r.lora?.loadUs[i] || Number.NaN,
  },
];
