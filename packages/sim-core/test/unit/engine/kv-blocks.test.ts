import { describe, expect, it } from "vitest";
import { deriveKvBlocks } from "../../../src/engine/kv-blocks.ts";
import { acceleratorNamed } from "../../../src/hardware/catalogue.ts";
import { modelNamed } from "../../../src/model/catalogue.ts";

const qwen = {
  accelerator: acceleratorNamed("h100-sxm"),
  model: modelNamed("Qwen/Qwen3-32B"),
  tensorParallel: 2,
  blockSizeTokens: 16,
  gpuMemoryUtilization: 0.65,
};

describe("KV blocks", () => {
  it("follows the formula per device", () => {
    const blocks = deriveKvBlocks(qwen);
    // (81,559 MiB * 0.65 - 65,524,246,528 / 2 - 3.4 GiB) / (16 * 131,072), floored.
    expect(blocks.numGpuBlocks).toBe(Math.floor((85_520_809_984 * 0.65 - 32_762_123_264 - 3_650_722_202) / 2_097_152));
    expect(blocks.kvBytesPerTokenPerGpu).toBe(131_072);
    expect(blocks.source).toBe("derived");
  });

  it("comes within 2 % of two measured counts", () => {
    expect(Math.abs(deriveKvBlocks(qwen).numGpuBlocks / 9_271 - 1)).toBeLessThan(0.02);
    expect(Math.abs(deriveKvBlocks({ ...qwen, gpuMemoryUtilization: 0.9 }).capacityTokens / 307_328 - 1)).toBeLessThan(
      0.02,
    );
  });

  it("gives the measured counts with their own reserves", () => {
    expect(deriveKvBlocks({ ...qwen, reserveBytes: 3.15 * 2 ** 30 }).numGpuBlocks).toBeCloseTo(9_271, -1);
    const tokens = deriveKvBlocks({ ...qwen, gpuMemoryUtilization: 0.9, reserveBytes: 3.66 * 2 ** 30 }).capacityTokens;
    expect(Math.abs(tokens - 307_328)).toBeLessThan(200);
  });

  it("does not divide a latent cache by the devices", () => {
    const input = { ...qwen, accelerator: acceleratorNamed("b200"), model: modelNamed("deepseek-ai/DeepSeek-V3") };
    expect(deriveKvBlocks({ ...input, tensorParallel: 8, gpuMemoryUtilization: 0.9 }).kvBytesPerTokenPerGpu).toBe(
      70_272,
    );
  });

  it("takes a given count as it is", () => {
    expect(deriveKvBlocks({ ...qwen, numGpuBlocks: 5_000 })).toMatchObject({ numGpuBlocks: 5_000, source: "given" });
  });

  it("says by how much the weights do not fit", () => {
    expect(() => deriveKvBlocks({ ...qwen, tensorParallel: 1, accelerator: acceleratorNamed("l4") })).toThrow(
      /Qwen\/Qwen3-32B does not fit 1 x l4: .* weights take 61.02GiB .* 49.\d+GiB too much/,
    );
  });
});
