import { Router } from "@windtunnel/router-policies";
import { describe, expect, it } from "vitest";
import { names, notes, parametersOf } from "../../support/loaded.ts";
import { config, host } from "../../support/routing.ts";

describe("migrations", () => {
  it("move index parameters from the scorer to its producer", () => {
    const loaded = config(
      "plugins:\n- type: prefix-cache-scorer\n  parameters:\n    blockSize: 64\n    maxPrefixBlocksToMatch: 256\n    lruCapacityPerServer: 5\n",
    );
    expect(parametersOf(loaded, "approx-prefix-cache-producer")).toMatchObject({
      blockSizeTokens: 64,
      maxPrefixBlocksToMatch: 256,
      maxPrefixTokensToMatch: 0,
      lruCapacityPerServer: 5,
    });
    expect(notes(loaded)[0]).toBe(
      '6:5 "blockSize" of prefix-cache-scorer migrated to "blockSizeTokens" of approx-prefix-cache-producer',
    );
  });
  it("turn a penalty in tokens into one in time", () => {
    const body = (more: string) =>
      `plugins: [{type: prefix-cache-affinity-filter, parameters: {maxTokensInFlightPenalty: 50000${more}}}, {type: inflight-load-producer}]\n`;
    const loaded = config(body(", peakPrefillThroughput: 10000"));
    expect(parametersOf(loaded, "prefix-cache-affinity-filter")).toMatchObject({ maxTTFTPenaltyMs: 5000 });
    expect(notes(loaded)[0]).toContain('migrated to "maxTTFTPenaltyMs: 5000"');
  });
  it("rename types, and references by the older name", () => {
    const loaded = config(
      "plugins: [{type: by-label-selector}]\nschedulingProfiles: [{name: p, plugins: [{pluginRef: by-label-selector}]}]\n",
    );
    expect(loaded.schedulingProfiles[0]!.plugins[0]!.plugin).toBe("label-selector-filter");
    expect(notes(loaded)).toEqual(['3:18 "by-label-selector" migrated to "label-selector-filter"']);
    expect(names(config("plugins: [{type: tokenizer}]\n"))).toContain("token-producer");
  });
  it("fold the header handlers into the disaggregation handler", () => {
    const both = config("plugins: [{type: disagg-headers-handler}, {type: disagg-profile-handler}]\n");
    expect(both.profileHandler).toBe("disagg-profile-handler");
    expect(notes(both)).toEqual(['3:18 "disagg-headers-handler" dropped: disagg-profile-handler writes its headers']);
    expect(config("plugins: [{type: prefill-header-handler, name: h}]\n").profileHandler).toBe("h");
  });
  it("build a precise scorer with its producer, reusing a listed one", () => {
    const text = "plugins: [{type: precise-prefix-cache-scorer, parameters: {tokenProcessorConfig: {blockSize: 32}}}";
    const one = config(`${text}]\n`);
    expect(parametersOf(one, "precise-prefix-cache-producer")).toMatchObject({
      tokenProcessorConfig: { blockSize: 32 },
    });
    expect(notes(one)[0]).toBe(
      '3:18 "precise-prefix-cache-scorer" is deprecated: use precise-prefix-cache-producer and prefix-cache-scorer',
    );
    expect(() => new Router(one, host())).not.toThrow();
    const listed = config(`${text}, {type: precise-prefix-cache-producer}]\n`);
    expect(parametersOf(listed, "precise-prefix-cache-producer")).not.toMatchObject({
      tokenProcessorConfig: { blockSize: 32 },
    });
  });
  it("drop removed gates and parameters without effect", () => {
    const loaded = config(
      "featureGates: [dataLayer]\nplugins: [{type: active-request-scorer, parameters: {requestTimeout: 2m}}]\n",
    );
    expect(notes(loaded)).toEqual([
      '3:16 feature gate "dataLayer" dropped: it was removed',
      '4:54 "requestTimeout" of active-request-scorer has no effect any more',
    ]);
  });
});
