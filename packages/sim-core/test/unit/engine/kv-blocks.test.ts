import { describe, expect, it } from "vitest";
import { deriveKvBlocks } from "../../../src/engine/kv-blocks.ts";
import { draftModel } from "../../../src/engine/step-time/speculative.ts";
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

describe("KV blocks of parallel layouts, by hand", () => {
  const usable = 143_771 * 2 ** 20 * 0.9 - 3.4 * 2 ** 30;
  const on = (model: string, more: object) =>
    deriveKvBlocks({
      accelerator: acceleratorNamed("h200"),
      model: modelNamed(model),
      tensorParallel: 1,
      blockSizeTokens: 16,
      gpuMemoryUtilization: 0.9,
      ...more,
    });

  it("a pipeline divides layers, and leaves one of embedding and head on a device", () => {
    const blocks = on("meta-llama/Llama-3.1-70B", { tensorParallel: 2, pipelineParallel: 4 });
    // 20 of 80 layers on a stage: 68.45 billion weights in layers, 1.05 in each of embedding and head, the norms.
    const plain = 2 * 128_256 * 8192 + 161 * 8192;
    const layers = 70_553_706_496 - plain;
    expect(blocks.weightBytesPerGpu).toBe((2 * layers) / 8 + plain / 2);
    expect(blocks.kvBytesPerTokenPerGpu).toBe(327_680 / 8);
    expect(blocks.numGpuBlocks).toBe(Math.floor((usable - blocks.weightBytesPerGpu) / (16 * 40_960)));
  });
  it("data-parallel ranks share the routed experts alone", () => {
    const one = on("deepseek-ai/DeepSeek-V3", { tensorParallel: 8 });
    const ranks = on("deepseek-ai/DeepSeek-V3", { tensorParallel: 1, dataParallel: 16 });
    const routed = 58 * 256 * 3 * 7168 * 2048 * (1 + 4 / 16_384);
    expect(8 * one.weightBytesPerGpu - ranks.weightBytesPerGpu).toBeCloseTo(routed * (15 / 16), -3);
    expect(ranks.kvBytesPerTokenPerGpu).toBe(70_272);
  });
  it("windows and states weigh as in a sequence of the given length", () => {
    // 18 layers of 2,048 bytes a token for the whole context, 18 for 128 tokens of 2,048.
    const gptOss = on("openai/gpt-oss-120b", { sizingContextTokens: 2048 });
    expect(gptOss.kvBytesPerTokenPerGpu).toBe(36_864 * (1 + 128 / 2048));
    const qwen = on("Qwen/Qwen3.5-35B-A3B", { sizingContextTokens: 10_000 });
    expect(qwen.kvBytesPerTokenPerGpu).toBe(20_480 + 64_389_120 / 10_000);
    expect(on("Qwen/Qwen3.5-35B-A3B", { sizingContextTokens: 1000 }).numGpuBlocks).toBeLessThan(qwen.numGpuBlocks / 2);
  });
  it("rows for runs of tokens make a token small, and windows and runs that are no row yet a sequence large", () => {
    const layout = { tensorParallel: 4, kvFormat: "fp8", blockSizeTokens: 256 } as const;
    const flash = (sizingContextTokens: number, more = {}) =>
      on("deepseek-ai/DeepSeek-V4-Flash", { ...layout, sizingContextTokens, ...more });
    // A block of 256 tokens: 64 rows of 584 bytes and 64 keys of 132 in 21 layers, 2 rows in 20, pages filled up to 576.
    const block = 21 * (65 * 576 + 15 * 576) + 20 * 3 * 576;
    // Windows of 128 in blocks of 64, of 43 layers in two groups; two runs of 4 in blocks of 4; a run of 128 in blocks of 8.
    const windows = 2 * (127 / 64 + 1) + (7 / 4 + 1) + (127 / 8 + 1);
    const long = flash(1 << 20);
    expect(long.kvBytesPerTokenPerGpu).toBeCloseTo(block / 256 + (block * windows) / 2 ** 20, 6);
    expect(long.numGpuBlocks).toBe(Math.floor((usable - long.weightBytesPerGpu) / (256 * long.kvBytesPerTokenPerGpu)));
    expect(flash(4096).kvBytesPerTokenPerGpu).toBeCloseTo(block / 256 + (block * windows) / 4096, 6);
    // Pages of BF16 rows are filled up to 512, those of FP32 not at all; the 43 windows still fit the largest group's block.
    const plain = 21 * (64 * 1024 + 17 * 512) + 20 * 2048;
    expect(flash(4096, { kvFormat: "bfloat16" }).kvBytesPerTokenPerGpu).toBeCloseTo(
      plain / 256 + (plain * windows) / 4096,
      6,
    );
    // Of the larger model's 61 windows the groups have 31 and 30.
    const pro = 30 * 80 * 576 + 31 * 3 * 576;
    const wide = { accelerator: acceleratorNamed("b200"), tensorParallel: 8 };
    expect(
      on("deepseek-ai/DeepSeek-V4-Pro", { ...layout, ...wide, sizingContextTokens: 4096 }).kvBytesPerTokenPerGpu,
    ).toBeCloseTo(pro / 256 + (pro * windows) / 4096, 6);
  });
  it("an FP8 cache holds twice the tokens, and a drafting layer takes its own", () => {
    const model = "meta-llama/Llama-3.1-8B";
    const fp8 = on(model, { kvFormat: "fp8" });
    expect(fp8.kvBytesPerTokenPerGpu).toBe(65_536);
    const drafter = { ...draftModel(modelNamed(model), "eagle"), vocabSize: 0 };
    // One layer more: 4,096 bytes a token, 218 million weights and the norms.
    const drafting = on(model, { drafter });
    expect(drafting.kvBytesPerTokenPerGpu).toBe(131_072 + 4096);
    expect(drafting.weightBytesPerGpu - on(model, {}).weightBytesPerGpu).toBe(2 * (218_103_808 + 3 * 4096));
  });
});
