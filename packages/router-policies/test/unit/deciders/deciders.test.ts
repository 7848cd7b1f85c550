import {
  builtPlugins,
  type Decider,
  type DeciderDefinition,
  type PrefixMatchData,
  type TokensData,
} from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";
import { context } from "../../support/prompts.ts";
import { endpoint, request } from "../../support/routing.ts";

function build(type: string, parameters: object, data = {}): Decider {
  const definition = builtPlugins.find((one) => one.type === type) as DeciderDefinition<unknown>;
  return definition.create(definition.parameters.parse(parameters), context(data));
}

/** Endpoint 0 has 3 blocks of 64 tokens, of which its weighted count shows 2. */
const match: PrefixMatchData = {
  ...{ available: true, totalBlocks: 10, blockSizeTokens: 64 },
  ...{ matchBlocks: Float64Array.of(2, 0), cachedBlocks: Float64Array.of(3, 0) },
};
const decides = (parameters: object, promptTokens: number, over: Partial<PrefixMatchData> = {}, slot = 0): boolean => {
  const tokens: TokensData = { available: promptTokens > 0, promptTokens };
  const decider = build("prefix-based-pd-decider", parameters, { "prefix-match": { ...match, ...over }, tokens });
  return decider.disaggregate(request({ promptTokens }), endpoint(slot));
};

describe("prefix-based-pd-decider", () => {
  it("disaggregates from nonCachedTokens on, blocks counted without weights: 640 − 3 · 64 = 448", () => {
    expect(decides({ nonCachedTokens: 448 }, 640)).toBe(true);
    expect(decides({ nonCachedTokens: 449 }, 640)).toBe(false);
    expect(decides({ nonCachedTokens: 449 }, 640, {}, 1)).toBe(true);
  });
  it("never does with nonCachedTokens 0, nor for prompts shorter than promptTokens", () => {
    expect(decides({}, 640)).toBe(false);
    expect(decides({ nonCachedTokens: 100, promptTokens: 641 }, 640)).toBe(false);
    expect(decides({ nonCachedTokens: 100, promptTokens: 640 }, 640)).toBe(true);
  });
  it("does not without prefix information, without tokens and without a decode endpoint", () => {
    expect(decides({ nonCachedTokens: 1 }, 640, { available: false })).toBe(false);
    expect(decides({ nonCachedTokens: 1 }, 0)).toBe(false);
    const tokens: TokensData = { available: true, promptTokens: 640 };
    const decider = build("prefix-based-pd-decider", { nonCachedTokens: 1 }, { "prefix-match": match, tokens });
    expect(decider.disaggregate(request({ promptTokens: 640 }), undefined)).toBe(false);
  });
});

describe("the others", () => {
  it("disaggregate always, or where there is something to encode", () => {
    expect(build("always-disagg-pd-decider", {}).disaggregate(request(), endpoint(0))).toBe(true);
    const multimodal = build("always-disagg-multimodal-decider", {});
    expect(multimodal.disaggregate(request(), endpoint(0))).toBe(false);
    expect(multimodal.disaggregate(request({ hasMultimodal: true }), undefined)).toBe(true);
  });
});
