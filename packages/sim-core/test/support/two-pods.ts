import { loadEndpointPickerConfig } from "@windtunnel/router-policies";
import type { StepTimeModel } from "../../src/engine/step-time-model.ts";
import type { DisaggregationInput } from "../../src/simulate/disaggregation-input.ts";
import type { SimulationInput } from "../../src/simulate/input.ts";
import type { Workload } from "../../src/workload/workload.ts";
import { profile } from "./drive-engine.ts";
import { constantStep } from "./one-replica.ts";

/** Everything is prefilled on a prefill pod, the one with the fewest requests in flight, and so for decode pods. */
export const ALWAYS_DISAGGREGATE = `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
- type: disagg-profile-handler
  parameters:
    deciders:
      prefill: always-disagg-pd-decider
- type: always-disagg-pd-decider
- type: prefill-filter
- type: decode-filter
- type: active-request-scorer
- type: max-score-picker
- type: inflight-load-producer
schedulingProfiles:
- name: prefill
  plugins:
  - pluginRef: prefill-filter
  - pluginRef: active-request-scorer
  - pluginRef: max-score-picker
- name: decode
  plugins:
  - pluginRef: decode-filter
  - pluginRef: active-request-scorer
  - pluginRef: max-score-picker
`;

export const disaggregation = (given: Partial<DisaggregationInput> = {}): DisaggregationInput => ({
  transfer: "pull",
  overlapLayers: 1,
  kvBytesPerToken: 1000,
  stateBytes: 0,
  setUpUs: 0,
  sidecarLegUs: 0,
  prefillFailureFraction: 0,
  prefillMaxRetries: 0,
  prefillRetryBackoffUs: 0,
  holdTimeoutUs: 480e6,
  ...given,
});

/** A pool that prefills and one that decodes, with limits far away unless given. */
export function twoPools(
  workload: Workload,
  given: Partial<DisaggregationInput> = {},
  more: Partial<SimulationInput> & {
    readonly engine?: Parameters<typeof profile>[0];
    readonly stepTime?: StepTimeModel;
    readonly replicas?: readonly [prefill: number, decode: number];
    readonly blocks?: readonly [prefill: number, decode: number];
    readonly config?: string;
  } = {},
): SimulationInput {
  const { engine, stepTime = constantStep(1000), replicas = [1, 1], blocks = [1e6, 1e6], config, ...rest } = more;
  const pool = (name: "prefill" | "decode", index: 0 | 1) => ({
    name,
    replicas: replicas[index],
    profile: profile({ blockSizeTokens: 16, maxNumSeqs: 256, maxNumBatchedTokens: 8192, ...engine }),
    stepTime,
    numGpuBlocks: blocks[index],
    labels: { "llm-d.ai/role": name },
  });
  return {
    workload,
    pools: [pool("prefill", 0), pool("decode", 1)],
    router: loadEndpointPickerConfig(config ?? ALWAYS_DISAGGREGATE, { file: "pd.yaml" }),
    modelName: "model",
    seed: 1,
    scrapeIntervalUs: 50_000,
    kvEventDelayUs: 1000,
    disaggregation: disaggregation(given),
    ...rest,
  };
}
