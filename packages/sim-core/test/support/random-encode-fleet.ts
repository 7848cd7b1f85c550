import { loadEndpointPickerConfig } from "@windtunnel/router-policies";
import fc from "fast-check";
import type { SimulationInput } from "../../src/simulate/input.ts";
import { encodeConfig } from "./encode-pods.ts";
import { networkOf } from "./network-of.ts";
import { randomDisaggregatedFleet } from "./random-disaggregated-fleet.ts";
import { itemShares, withItems } from "./random-items.ts";

/** `randomDisaggregatedFleet` with images in its prompts and pods that encode them. */
export const randomEncodeFleet: fc.Arbitrary<SimulationInput> = fc
  .record({
    input: randomDisaggregatedFleet,
    items: itemShares,
    encodePods: fc.integer({ min: 1, max: 3 }),
    named: fc.integer({ min: 1, max: 3 }),
    prefills: fc.boolean(),
    itemUs: fc.constantFrom(0, 700, 20_000),
    squareUs: fc.double({ min: 0, max: 0.5, noNaN: true }),
    encodeStepUs: fc.constantFrom(undefined, 1, 400),
    embeddingBytesPerToken: fc.constantFrom(0, 8_192),
    clientTimeoutUs: fc.constantFrom(undefined, undefined, 3_000, 60_000),
  })
  .map(({ input, items, encodePods, named, prefills, itemUs, squareUs, encodeStepUs, ...given }) => {
    const encodeUs = (count: number, tokens: number, squared: number) => count * itemUs + tokens + squared * squareUs;
    const pools = input.pools.map((pool) => ({ ...pool, encoder: { encodeUs } }));
    const encoder = { encodeUs, ...(encodeStepUs === undefined ? {} : { encodeStepUs }) };
    const labels = { "llm-d.ai/role": "encode" };
    const { lockstepRanks: _, ...alone } = pools[0]!;
    const all = [...pools, { ...alone, name: "encode", replicas: encodePods, encoder, labels }];
    return {
      ...input,
      workload: withItems(input.workload, items),
      pools: all,
      ...(input.network === undefined ? {} : { network: networkOf(all) }),
      router: loadEndpointPickerConfig(encodeConfig(prefills, named), { file: "epd.yaml" }),
      disaggregation: { ...input.disaggregation!, embeddingBytesPerToken: given.embeddingBytesPerToken },
      ...(given.clientTimeoutUs === undefined ? {} : { patience: { clientTimeoutUs: given.clientTimeoutUs } }),
    };
  });
