import { describe, expect, it } from "vitest";
import { catalogueModelIds, modelNamed } from "../../../src/model/catalogue.ts";
import { importHuggingFaceConfig } from "../../../src/model/import-config.ts";
import { kvBytesPerTokenPerGpu } from "../../../src/model/kv-cache-size.ts";
import { countParameters, weightBytes } from "../../../src/model/parameters.ts";

const llama = {
  model_type: "llama",
  num_hidden_layers: 2,
  hidden_size: 64,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  intermediate_size: 128,
  vocab_size: 100,
  max_position_embeddings: 1024,
};

describe("parameters and KV bytes of the catalogue", () => {
  it.each([
    ["meta-llama/Llama-3.1-8B", 8_030_261_248, 131_072],
    ["meta-llama/Llama-3.1-70B", 70_553_706_496, 327_680],
    ["meta-llama/Llama-2-7b-hf", 6_738_415_616, 524_288],
    ["mistralai/Mistral-7B-v0.3", 7_248_023_552, 131_072],
    ["Qwen/Qwen2.5-7B-Instruct", 7_615_616_512, 57_344],
    ["Qwen/Qwen3-8B", 8_190_735_360, 147_456],
    ["Qwen/Qwen3-32B", 32_762_123_264, 262_144],
    ["Qwen/Qwen3-30B-A3B", 30_532_122_624, 98_304],
    ["mistralai/Mixtral-8x7B-v0.1", 46_702_792_704, 131_072],
    ["deepseek-ai/DeepSeek-V2-Lite", 15_706_484_224, 31_104],
    ["deepseek-ai/DeepSeek-V3", 671_026_404_352, 70_272],
    ["moonshotai/Kimi-K2-Instruct", 1_026_408_209_408, 70_272],
  ])("%s", (id, parameters, kvBytes) => {
    const model = modelNamed(id);
    expect(countParameters(model).total).toBe(parameters);
    expect(kvBytesPerTokenPerGpu(model, 1, "bfloat16")).toBe(kvBytes);
  });

  // Billions as the model cards say, all and active: without biases of experts, encoders and draft layers.
  it.each([
    ["openai/gpt-oss-120b", 116.8, 5.1, 36_864],
    ["openai/gpt-oss-20b", 20.9, 3.6, 24_576],
    ["Qwen/Qwen3.5-122B-A10B", 122, 9, 24_576],
    ["Qwen/Qwen3.5-397B-A17B", 397, 16.5, 30_720],
    ["deepseek-ai/DeepSeek-V3.2", 671.9, 37.5, 78_324],
    ["meta-llama/Llama-4-Maverick-17B-128E-Instruct", 400.7, 16.2, 49_152],
    ["nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", 31.6, 3.2, 6_144],
    ["nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8", 120.6, 12.2, 8_192],
    ["google/gemma-4-26B-A4B", 25.2, 3.8, 20_480],
    ["MiniMaxAI/MiniMax-M2.5", 229, 10.4, 253_952],
    ["zai-org/GLM-5", 744, 40.8, 100_152],
  ])("%s", (id, billions, active, kvBytes) => {
    const model = modelNamed(id);
    const parameters = countParameters(model);
    expect(Math.abs(parameters.total / 1e9 / billions - 1)).toBeLessThan(0.003);
    expect(Math.abs(parameters.activePerToken / 1e9 / active - 1)).toBeLessThan(0.02);
    expect(kvBytesPerTokenPerGpu(model, 1, "bfloat16")).toBe(kvBytes);
  });

  it("counts the parameters that a token passes through", () => {
    expect(countParameters(modelNamed("Qwen3-30B-A3B")).activePerToken / 1e9).toBeCloseTo(3.03, 1);
    expect(countParameters(modelNamed("DeepSeek-V3")).activePerToken / 1e9).toBeCloseTo(36.6, 0);
  });

  it("counts a model by hand", () => {
    const model = importHuggingFaceConfig("tiny", llama);
    // Per layer: q and o 64*64 each, k and v 64*32 each, three of 64*128, two norms; then 2 embeddings and a norm.
    const layer = 2 * 4096 + 2 * 2048 + 3 * 8192 + 2 * 64;
    expect(countParameters(model).total).toBe(2 * layer + 2 * 6400 + 64);
    expect(weightBytes(model)).toBe(2 * (2 * layer + 2 * 6400 + 64));
    // 2 layers, keys and values, 2 heads of 16, two bytes; each of 4 devices keeps one head.
    expect(kvBytesPerTokenPerGpu(model, 1, "bfloat16")).toBe(256);
    expect(kvBytesPerTokenPerGpu(model, 4, "bfloat16")).toBe(128);
    expect(kvBytesPerTokenPerGpu(model, 1, "fp8")).toBe(128);
  });
});

describe("names", () => {
  it("ignores case, organisation and the instruct suffix", () => {
    for (const name of ["meta-llama/Llama-3.1-8B-Instruct", "llama-3.1-8b", "meta-llama/Meta-Llama-3.1-8B"]) {
      expect(modelNamed(name).name).toBe("meta-llama/Llama-3.1-8B");
    }
    expect(modelNamed("mistralai/Mixtral-8x7B-Instruct-v0.1").moe?.experts).toBe(8);
    expect(catalogueModelIds()).toContain("deepseek-ai/DeepSeek-R1");
  });
  it("names the nearest model for an unknown one", () => {
    expect(() => modelNamed("Qwen/Qwen3-31B")).toThrow('unknown model "Qwen/Qwen3-31B" (did you mean "Qwen/Qwen3-');
  });
});

describe("keys of config.json", () => {
  it("takes head_dim before hidden over heads", () => {
    expect(importHuggingFaceConfig("m", llama).attention[0]?.headDim).toBe(16);
    expect(importHuggingFaceConfig("m", { ...llama, head_dim: 32 }).attention[0]?.headDim).toBe(32);
  });
  it("lets use_sliding_window beat sliding_window", () => {
    const kinds = (more: object) =>
      importHuggingFaceConfig("m", { ...llama, ...more }).attention.map(({ kind, layers, spanTokens }) => [
        kind,
        layers,
        spanTokens,
      ]);
    expect(kinds({ sliding_window: 256 })).toEqual([["sliding", 2, 256]]);
    expect(kinds({ sliding_window: 256, use_sliding_window: false })).toEqual([["full", 2, Infinity]]);
    expect(kinds({ sliding_window: 1024 })).toEqual([["full", 2, Infinity]]);
    expect(kinds({ sliding_window: 256, use_sliding_window: true, max_window_layers: 1 })).toEqual([
      ["full", 1, Infinity],
      ["sliding", 1, 256],
    ]);
  });
  it("reads the text model of a nested config", () => {
    const nested = { model_type: "llama", text_config: { ...llama, vocab_size: 50 } };
    expect(importHuggingFaceConfig("m", nested).vocabSize).toBe(50);
  });
  it("counts dense layers by each family's rule", () => {
    const moe = { ...llama, model_type: "qwen3_moe", num_hidden_layers: 6, num_experts: 8, num_experts_per_tok: 2 };
    const sparse = { ...moe, moe_intermediate_size: 32, decoder_sparse_step: 2, mlp_only_layers: [1] };
    // Of layers 0..5 the odd ones are sparse, and layer 1 is taken out.
    const { moe: experts, dense } = importHuggingFaceConfig("m", sparse);
    expect([experts?.layers, dense]).toEqual([2, [{ layers: 4, intermediateSize: 128, matrices: 3 }]]);
    const deepseek = { ...moe, model_type: "deepseek_v3", n_shared_experts: 2, first_k_dense_replace: 3 };
    const read = importHuggingFaceConfig("m", { ...deepseek, moe_intermediate_size: 32 });
    expect(read.moe).toMatchObject({ layers: 3, sharedIntermediateSize: 64, topK: 2 });
    expect(read.dense[0]?.layers).toBe(3);
  });
  it("reads the quantisation from either file", () => {
    const block = { quantization_config: { quant_method: "fp8", weight_block_size: [128, 128] } };
    expect(importHuggingFaceConfig("m", { ...llama, ...block }).weightFormat).toBe("fp8_block");
    const quant = { quantization: { quant_algo: "NVFP4", kv_cache_quant_algo: "FP8" } };
    const model = importHuggingFaceConfig("m", llama, quant);
    expect([model.weightFormat, model.checkpointKvFormat]).toEqual(["nvfp4", "fp8"]);
    const odd = { quantization_config: { quant_method: "aqlm" } };
    expect(() => importHuggingFaceConfig("m", { ...llama, ...odd })).toThrow(
      'm: unknown quantisation "aqlm"; known: fp8',
    );
  });
});

describe("refusals", () => {
  it("says which layers are missing", () => {
    expect(() => importHuggingFaceConfig("j", { model_type: "jamba" })).toThrow(
      'j: model_type "jamba" is not supported, missing: Mamba-1 layers',
    );
    const odd = { ...llama, layer_types: ["full_attention", "linear_atention"] };
    expect(() => importHuggingFaceConfig("m", odd)).toThrow(
      'm: config.json "layer_types" has "linear_atention", a kind of layer that is missing (did you mean "linear_attention"?)',
    );
    expect(() => importHuggingFaceConfig("x", { model_type: "llama3" })).toThrow('did you mean "llama"?');
    expect(() => importHuggingFaceConfig("x", {})).toThrow('x: config.json has no "model_type"; supported: llama');
  });
  it("says which key is wrong", () => {
    expect(() => importHuggingFaceConfig("m", { ...llama, hidden_size: -1 })).toThrow(
      'm: config.json "hidden_size" is -1, allowed: a whole number of 0 or more',
    );
    const { vocab_size: _, ...incomplete } = llama;
    expect(() => importHuggingFaceConfig("m", incomplete)).toThrow('m: config.json "vocab_size" is missing');
  });
});
