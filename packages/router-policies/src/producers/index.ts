export { approxPrefixCacheProducer } from "./approx-prefix-cache-producer.ts";
export { inflightLoadProducer } from "./inflight-load-producer.ts";
export { precisePrefixCacheProducer } from "./precise-prefix-cache-producer.ts";
export { sessionIdProducer } from "./session-id-producer.ts";
export { tokenProducer } from "./token-producer.ts";
export { topologyExtractor } from "./topology-extractor.ts";
