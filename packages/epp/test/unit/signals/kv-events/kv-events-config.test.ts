import { loadEndpointPickerConfig } from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";
import { kvEventsConfigs } from "../../../../src/signals/kv-events/kv-events-config.ts";

const HEAD = "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\nplugins:\n";
const PRODUCER = "precise-prefix-cache-producer";
const SCORER = "precise-prefix-cache-scorer";
const plugin = (type: string, blockSizeTokens: number, more = "") =>
  `- {type: ${type}${more}, parameters: {tokenProcessorConfig: {blockSizeTokens: ${blockSizeTokens}}}}\n`;
const blockSizes = (...plugins: readonly string[]) =>
  kvEventsConfigs(loadEndpointPickerConfig(HEAD + plugins.join(""), { file: "epp.yaml" })).map(
    ({ keys }) => keys.config.blockSizeTokens,
  );

describe("kvEventsConfigs", () => {
  it("has each producer's own keys, in order", () => {
    expect(blockSizes(plugin(PRODUCER, 32), plugin(PRODUCER, 64, ", name: other"))).toEqual([32, 64]);
  });
  it("has those of the producer that a scorer brings along", () => {
    expect(blockSizes(plugin(SCORER, 32))).toEqual([32]);
  });
  it("has the producer's, not those of a scorer listed before it", () => {
    expect(blockSizes(plugin(SCORER, 32), plugin(PRODUCER, 64))).toEqual([64]);
  });
});
