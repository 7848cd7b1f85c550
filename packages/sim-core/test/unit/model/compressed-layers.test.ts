import { describe, expect, it } from "vitest";
import { draftModel } from "../../../src/engine/step-time/speculative.ts";
import type { ModelArchitecture } from "../../../src/model/architecture.ts";
import { modelNamed } from "../../../src/model/catalogue.ts";
import { importHuggingFaceConfig } from "../../../src/model/import-config.ts";
import {
  defaultKvFormat,
  hasUnlikeCaches,
  kvBytesPerTokenPerGpu,
  meanTokenBytesPerGpu,
  sequenceBytesPerGpu,
} from "../../../src/model/kv-cache-size.ts";
import { countParameters, weightBytes } from "../../../src/model/parameters.ts";

const tiny = {
  model_type: "deepseek_v4",
  num_hidden_layers: 4,
  hidden_size: 256,
  num_attention_heads: 4,
  head_dim: 128,
  qk_rope_head_dim: 64,
  q_lora_rank: 32,
  o_groups: 2,
  o_lora_rank: 16,
  sliding_window: 8,
  compress_ratios: [0, 4, 128, 4, 0],
  index_n_heads: 2,
  index_head_dim: 128,
  index_topk: 3,
  hc_mult: 2,
  num_hash_layers: 1,
  n_routed_experts: 8,
  n_shared_experts: 1,
  num_experts_per_tok: 2,
  moe_intermediate_size: 64,
  vocab_size: 100,
  max_position_embeddings: 1024,
};
const read = (more: object = {}, quant?: Record<string, unknown>) =>
  importHuggingFaceConfig("v4", { ...tiny, ...more }, quant);
const flash = modelNamed("deepseek-ai/DeepSeek-V4-Flash");
const pro = modelNamed("deepseek-ai/DeepSeek-V4-Pro");
const groups = ({ attention }: ModelArchitecture) =>
  attention.map(({ kind, layers, sharedLatent }) => [kind, layers, sharedLatent?.rows?.tokensPerRow]);

describe("layers by compress_ratios", () => {
  it("puts alike ones together; the last entry is the layer that drafts", () => {
    expect(groups(read())).toEqual([
      ["sliding", 1, undefined],
      ["compressed", 2, 4],
      ["compressed", 1, 128],
    ]);
    expect(groups(flash)).toEqual([
      ["sliding", 2, undefined],
      ["compressed", 21, 4],
      ["compressed", 20, 128],
    ]);
    expect(groups(pro)).toEqual([
      ["compressed", 31, 128],
      ["compressed", 30, 4],
    ]);
    expect(draftModel(pro, "mtp").attention).toMatchObject([{ kind: "sliding", layers: 1, spanTokens: 128 }]);
    expect(draftModel(pro, "mtp").moe).toMatchObject({ layers: 1, experts: 384 });
  });
  it("says which ratio is not known", () => {
    expect(() => read({ compress_ratios: [0, 4, 16, 4] })).toThrow(
      'v4: config.json "compress_ratios" has 16, allowed: 0, 4, 128',
    );
    expect(() => read({ compress_ratios: [0, 4] })).toThrow('"compress_ratios" has 2 entries, allowed: 4');
    expect(() => read({ compress_ratios: undefined })).toThrow('"compress_ratios" is missing');
  });
});

describe("parameters, by hand", () => {
  it("of a small model", () => {
    const parameters = countParameters(read());
    // Down to 32 and up to 4 x 128, the latent; 2 groups of 2 x 128 down to 16 each, and up; in two layers 2 x 128 index queries.
    const attention = 256 * 32 + 32 * 512 + 256 * 128 + 512 * 16 + 32 * 256;
    expect(parameters.attention).toBe(4 * attention + 2 * 32 * 256);
    expect([parameters.routed, parameters.network]).toEqual([4 * 8 * 3 * 256 * 64, 4 * 3 * 256 * 64]);
    // Latent and score: of two runs for 128 and the index's 128, with 2 weights of heads; of one run for 128.
    const compressors = 2 * 256 * (4 * 256 + 2) + 256 * 256;
    // Biases of 4 positions in 2 runs and of 128 in one, and a norm; two norms and 4 sinks in every layer.
    const positions = 2 * 256 * (8 + 1) + 128 * (128 + 1);
    const latents = compressors + positions + 4 * (32 + 128 + 4);
    // 2 inputs, 2 outputs and 2 x 2 mixtures of 2 x 256 numbers, biases, 3 scales, twice a layer; 2 weights before the head.
    const streams = 8 * (8 * 513 + 3) + (2 * 513 + 1);
    const routers = 4 * 256 * 8;
    expect(parameters.plain).toBe(9 * 256 + latents + streams + routers + 2 * 100 * 256);
  });
  it("284B and 1.6T, 13B and 49B active, as the model cards say", () => {
    const { total, activePerToken } = countParameters(flash);
    expect(total / 284e9).toBeCloseTo(1, 2);
    expect(Math.abs(activePerToken / 13e9 - 1)).toBeLessThan(0.03);
    // 1.573e12: the card's 1.6T has two digits.
    expect((countParameters(pro).total / 1e12).toFixed(1)).toBe("1.6");
    expect(Math.abs(countParameters(pro).activePerToken / 49e9 - 1)).toBeLessThan(0.005);
  });
});

describe("KV cache", () => {
  it("has rows of 584 bytes in FP8, index keys of 132, and what is not yet a row in FP32", () => {
    expect(defaultKvFormat(flash)).toBe("fp8");
    expect(hasUnlikeCaches(flash)).toBe(true);
    // A row and a key for 4 tokens, a row for 128.
    expect(kvBytesPerTokenPerGpu(flash, 8, "fp8")).toBe((21 * (584 + 132)) / 4 + (20 * 584) / 128);
    expect(kvBytesPerTokenPerGpu(flash, 8, "bfloat16")).toBe((21 * (1024 + 132)) / 4 + (20 * 1024) / 128);
    // 43 windows of 128; latents and scores of two runs of 4 (512 and the index's 128 wide, twice), of one run of 128.
    const constant = 43 * 128 * 584 + 21 * 8 * (2 * 2 * 640 * 4) + 20 * 128 * (2 * 512 * 4);
    expect(sequenceBytesPerGpu(flash, 1, "fp8", 10_000)).toBe(3850.25 * 10_000 + constant);
    expect(meanTokenBytesPerGpu(flash, 8, "fp8", 10_000)).toBeCloseTo(3850.25 + constant / 10_000, 6);
    // Shorter than a window, all is only as full as the sequence is long.
    expect(sequenceBytesPerGpu(flash, 1, "fp8", 6)).toBe(
      6 * (3850.25 + 43 * 584 + 21 * (2 * 2 * 640 * 4) + 20 * (2 * 512 * 4)),
    );
  });
  it("is a tenth of DeepSeek-V3.2's at a million tokens, and 2 % of 8 BF16 heads of 128", () => {
    const million = 1 << 20;
    const bytes = sequenceBytesPerGpu(pro, 1, "fp8", million);
    const before = sequenceBytesPerGpu(modelNamed("deepseek-ai/DeepSeek-V3.2"), 1, "fp8", million);
    // 5,511 of 48,068 bytes a token; the vendor's 10 % is with index keys in FP4 (68 bytes): 5,031.
    expect(bytes / before).toBeCloseTo(0.115, 3);
    expect((bytes - (30 * (132 - 68) * million) / 4) / before).toBeCloseTo(0.105, 3);
    expect(bytes / (61 * 2 * 8 * 128 * 2 * million)).toBeCloseTo(0.022, 3);
  });
});

describe("formats", () => {
  const block = { quantization_config: { quant_method: "fp8", weight_block_size: [128, 128] } };
  const formats = ({ weightFormat, attentionWeightFormat, networkWeightFormat }: ModelArchitecture) => [
    weightFormat,
    attentionWeightFormat,
    networkWeightFormat,
  ];
  it("FP4 experts beside FP8, and FP8 throughout", () => {
    expect(formats(read({ ...block, expert_dtype: "fp4" }))).toEqual(["mxfp4", "fp8_block", "fp8_block"]);
    expect(formats(read({ ...block, model_type: "deepseek_ref" }))).toEqual(["fp8_block", undefined, undefined]);
  });
  it("NVFP4 experts, the rest in the format that config.json names beside hf_quant_config.json", () => {
    const quantized_layers = { "layers.0.ffn.experts": { quant_algo: "NVFP4", group_size: 16 } };
    const quant = { quantization: { quant_algo: "MIXED_PRECISION", quantized_layers } };
    expect(formats(read({ ...block, expert_dtype: "fp4" }, quant))).toEqual(["nvfp4", "fp8_block", "fp8_block"]);
    expect(formats(read({}, quant))).toEqual(["nvfp4", "bfloat16", "bfloat16"]);
  });
  it("the checkpoint's size", () => {
    // 277.0e9 expert weights of 17/32 byte, 5.8e9 others of one, and 1.5e9 plain of two.
    expect(weightBytes(flash) / 1e9).toBeCloseTo(155.9, 0);
  });
});
