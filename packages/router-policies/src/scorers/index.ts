export { kvCacheUtilizationScorer } from "./kv-cache-utilization-scorer.ts";
export { loadAwareScorer } from "./load-aware-scorer.ts";
export { queueScorer } from "./queue-scorer.ts";
export { runningRequestsSizeScorer } from "./running-requests-size-scorer.ts";
