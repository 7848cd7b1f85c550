/** Header that names the endpoint to the gateway, and the key of the same in dynamic metadata (proposal 004). */
export const DESTINATION_HEADER = "x-gateway-destination-endpoint";
/** Key beside it in dynamic metadata, with `--emit-endpoint-scores`. */
export const SCORES_KEY = "x-gateway-destination-endpoint-scores";
/** Key in the response's metadata: the endpoint that really answered. */
export const SERVED_KEY = "x-gateway-destination-endpoint-served";
/** Namespace of the three above. */
export const LB_NAMESPACE = "envoy.lb";
export const SUBSET_NAMESPACE = "envoy.lb.subset_hint";
export const SUBSET_KEY = "x-gateway-destination-endpoint-subset";
export const DROPPED_REASON_HEADER = "x-llm-d-request-dropped-reason";
/** Says in the response that an Endpoint Picker has seen it, as upstream's does. */
export const SEEN_HEADER = "x-went-into-resp-headers";

/** Control headers that clients send, the newer name first: it wins (llm-d-router, `pkg/epp/metadata`). */
export const CONTROL_HEADERS = {
  fairnessId: ["x-llm-d-inference-fairness-id", "x-gateway-inference-fairness-id"],
  objective: ["x-llm-d-inference-objective", "x-gateway-inference-objective"],
  modelRewrite: ["x-llm-d-model-name-rewrite", "x-gateway-model-name-rewrite"],
  ttftSloMs: ["x-llm-d-slo-ttft-ms", "x-slo-ttft-ms"],
  tpotSloMs: ["x-llm-d-slo-tpot-ms", "x-slo-tpot-ms"],
} as const;
