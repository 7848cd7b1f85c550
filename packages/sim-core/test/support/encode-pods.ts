import type { EncoderTimeModel } from "../../src/engine/encoder-time-model.ts";
import type { DisaggregationInput } from "../../src/simulate/disaggregation-input.ts";
import type { SimulationInput } from "../../src/simulate/input.ts";
import type { Workload } from "../../src/workload/workload.ts";
import { twoPools } from "./two-pods.ts";

const pluginsOf = (prefills: boolean) => `- type: encode-filter
- type: prefill-filter
- type: decode-filter
- type: round-robin-picker
- type: always-disagg-pd-decider
- type: always-disagg-multimodal-decider
- type: disagg-profile-handler
  parameters:
    deciders:
      encode: always-disagg-multimodal-decider
      ${prefills ? "prefill: always-disagg-pd-decider" : ""}
`;

/** A profile for each stage, in turn over its pods; `pods`: how many of them encode for one request. */
export const encodeConfig = (prefills: boolean, pods = 1): string => `apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins:
${pluginsOf(prefills)}- type: random-picker
  name: encode-picker
  parameters: { maxNumOfEndpoints: ${pods} }
schedulingProfiles:
- name: encode
  plugins: [{ pluginRef: encode-filter }, { pluginRef: encode-picker }]
- name: prefill
  plugins: [{ pluginRef: prefill-filter }, { pluginRef: round-robin-picker }]
- name: decode
  plugins: [{ pluginRef: decode-filter }, { pluginRef: round-robin-picker }]
`;

/** 100 us an item and 1 us a token; a step that only encodes for others takes 50 us beside that. */
const TEST_ENCODER: EncoderTimeModel = {
  encodeStepUs: 50,
  encodeUs: (items, tokens) => 100 * items + tokens,
};

/** Pods that encode beside `twoPools`' one that prefills, where asked for, and one that decodes. */
export function threePools(
  workload: Workload,
  given: Partial<DisaggregationInput> = {},
  more: Parameters<typeof twoPools>[2] & { readonly prefills?: boolean; readonly encodePods?: number } = {},
): SimulationInput {
  const { prefills = true, encodePods = 1, ...rest } = more;
  const config = encodeConfig(prefills, encodePods);
  const input = twoPools(workload, { embeddingBytesPerToken: 1_000, ...given }, { config, ...rest });
  const { encodeStepUs: _only, ...encoder } = TEST_ENCODER;
  const [prefill, decode] = input.pools.map((pool) => ({ ...pool, encoder }));
  const encode = {
    ...prefill!,
    name: "encode",
    replicas: encodePods,
    encoder: TEST_ENCODER,
    labels: { "llm-d.ai/role": "encode" },
  };
  return { ...input, pools: prefills ? [encode, prefill!, decode!] : [encode, decode!] };
}
