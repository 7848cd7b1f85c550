import { describe, expect, it } from "vitest";
import { ENGINE_VERSIONS, engineMemory, engineProfile, stepOverhead } from "../../../src/engine/profiles.ts";
import { acceleratorNamed } from "../../../src/hardware/catalogue.ts";

const limits = (id: string) => {
  const { maxNumBatchedTokens, maxNumSeqs } = engineProfile("vllm-0.19", acceleratorNamed(id), 8192);
  return [maxNumBatchedTokens, maxNumSeqs];
};

describe("engine profiles", () => {
  it("sizes a step by the device's memory, A100 apart", () => {
    expect(limits("h100")).toEqual([8192, 1024]);
    expect(limits("rtx-pro-6000")).toEqual([8192, 1024]);
    expect(limits("a100")).toEqual([2048, 256]);
    expect(limits("l40s")).toEqual([2048, 256]);
  });
  it("keeps what each version does", () => {
    const h100 = acceleratorNamed("h100");
    expect(engineProfile("vllm-0.19", h100, 100).schedulerReserveFullIsl).toBe(true);
    expect(engineProfile("vllm-0.10", h100, 100).schedulerReserveFullIsl).toBe(false);
    expect(stepOverhead("vllm-0.19", undefined)).toEqual({ stepUs: 1_000, perSequenceUs: 0 });
    expect(stepOverhead("vllm-0.12", undefined)).toEqual({ stepUs: 1_200, perSequenceUs: 48 });
    expect(stepOverhead("vllm-0.12", 5_000)).toEqual({ stepUs: 5_000, perSequenceUs: 0 });
  });
  it("sizes SGLang's chunks and static memory by the device", () => {
    const of = (id: string) => {
      const accelerator = acceleratorNamed(id);
      return [
        engineProfile("sglang-0.5", accelerator, 100).maxNumBatchedTokens,
        engineMemory("sglang-0.5", accelerator),
      ];
    };
    // 81,559 MiB less 512 + 1.5 x 8192 + 2 x 256; 46,068 less 512 + 1.5 x 4096 + 2 x 32.
    expect(of("h100")).toEqual([8192, { gpuMemoryUtilization: 0.837, reserveBytes: 0 }]);
    expect(of("l40s")).toEqual([4096, { gpuMemoryUtilization: 0.854, reserveBytes: 0 }]);
  });
  it("has TensorRT-LLM compute whole prompts, of requests that have memory up to their ends", () => {
    expect(engineProfile("trtllm-1.0", acceleratorNamed("h100"), 100)).toMatchObject({
      enableChunkedPrefill: false,
      guaranteedNoEvict: true,
      blockSizeTokens: 32,
    });
  });
  it("names each version once", () => {
    const names = ENGINE_VERSIONS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names[0]).toBe("vllm-0.19");
  });
  it("lets values be given", () => {
    const given = engineProfile("vllm-0.19", acceleratorNamed("h100"), 4096, { maxNumSeqs: 128 });
    expect([given.maxNumSeqs, given.maxModelLenTokens]).toEqual([128, 4096]);
  });
  it("names the nearest profile for an unknown one", () => {
    expect(() => engineProfile("vllm-0.18", acceleratorNamed("h100"), 1)).toThrow('(did you mean "vllm-0.19"?)');
  });
});
