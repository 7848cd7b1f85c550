export { alwaysDisaggMultimodalDecider } from "./always-disagg-multimodal-decider.ts";
export { alwaysDisaggPdDecider } from "./always-disagg-pd-decider.ts";
export { prefixBasedPdDecider } from "./prefix-based-pd-decider.ts";
