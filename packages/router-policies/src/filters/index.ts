export { byLabel } from "./by-label.ts";
export { decodeFilter } from "./decode-filter.ts";
export { encodeFilter } from "./encode-filter.ts";
export { headerBasedTestingFilter } from "./header-based-testing-filter.ts";
export { labelSelectorFilter } from "./label-selector-filter.ts";
export { prefillFilter } from "./prefill-filter.ts";
export { prefixCacheAffinityFilter } from "./prefix-cache-affinity-filter.ts";
export { utilizationDetector } from "./utilization-detector.ts";
